// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"fmt"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

const (
	topCPU    = "cpu"
	topMemory = "memory"

	// defaultShare is how much of the load a chosen process must cause where
	// the plan does not say: most of it.
	defaultShare = 0.5

	// startTolerance is how far a start time from telemetry may be off: the
	// kernel counts in hundredths, receivers round to seconds and cache the
	// time of boot.
	startTolerance = 2 * time.Second
)

// selector is what a target says about the process it means.
type selector struct {
	pid        int       // 0 when not given
	started    time.Time // zero when not given
	executable string
	owner      string
	top        string  // "", cpu or memory
	share      float64 // least share of the load, with top
}

// parseSelector reads the attributes of a target. Those that it does not know
// are left alone: the engine adds whatever the finding carried.
func parseSelector(target actuator.Target) (selector, error) {
	s := selector{
		executable: target.Attr[actuator.AttrExecutable],
		owner:      target.Attr[actuator.AttrOwner],
		top:        target.Attr[actuator.AttrTop],
		share:      defaultShare,
	}
	bad := func(key, want string) error {
		return fmt.Errorf(`%w: %s must be %s (got "%s")`, actuator.ErrParams, key, want, actuator.Clean(target.Attr[key], 64))
	}
	if text, ok := target.Attr[actuator.AttrPID]; ok && text != "" {
		pid, err := strconv.ParseInt(text, 10, 32)
		if err != nil || pid < 1 {
			return selector{}, bad(actuator.AttrPID, "a process id")
		}
		s.pid = int(pid)
	}
	if text := target.Attr[actuator.AttrStart]; text != "" {
		nanos, err := strconv.ParseInt(text, 10, 64)
		if err != nil || nanos < 0 {
			return selector{}, bad(actuator.AttrStart, "nanoseconds since 1970")
		}
		if nanos > 0 {
			s.started = time.Unix(0, nanos)
		}
	}
	if s.top != "" && s.top != topCPU && s.top != topMemory {
		return selector{}, bad(actuator.AttrTop, "cpu or memory")
	}
	if text := target.Attr[actuator.AttrMinimumShare]; text != "" {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(share > 0 && share <= 1) {
			return selector{}, bad(actuator.AttrMinimumShare, "a share above 0 and at most 1")
		}
		if s.top == "" {
			return selector{}, fmt.Errorf("%w: %s needs %s to say of what", actuator.ErrParams, actuator.AttrMinimumShare, actuator.AttrTop)
		}
		s.share = share
	}
	if s.pid == 0 && s.executable == "" && s.top == "" {
		return selector{}, fmt.Errorf("%w: a process is selected by %s, by %s or by %s",
			actuator.ErrParams, actuator.AttrPID, actuator.AttrExecutable, actuator.AttrTop)
	}
	return s, nil
}

// mismatch says in which point a process is not the one selected, or "".
func (s selector) mismatch(p subject, boot time.Time) string {
	switch {
	case s.pid != 0 && s.pid != p.stat.PID:
		return fmt.Sprintf("has the id %d, not %d", p.stat.PID, s.pid)
	case s.executable != "" && !p.known(s.executable):
		return fmt.Sprintf(`does not run "%s"`, actuator.Clean(s.executable, 64))
	case s.owner != "" && s.owner != strconv.Itoa(p.uid) && s.owner != p.owner():
		return fmt.Sprintf(`does not belong to "%s"`, actuator.Clean(s.owner, 64))
	case !s.started.IsZero() && p.started(boot).Sub(s.started).Abs() > startTolerance:
		return fmt.Sprintf("was started at %s, not at %s",
			p.started(boot).UTC().Format(time.RFC3339), s.started.UTC().Format(time.RFC3339))
	}
	return ""
}
