// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// resolve finds the one process that a target means now, and its share of the
// load where the target asks for one.
func (e *processExtension) resolve(ctx context.Context, target actuator.Target) (subject, float64, error) {
	s, err := parseSelector(target)
	if err != nil {
		return subject{}, 0, err
	}
	host, err := procfs.ReadHost()
	if err != nil {
		return subject{}, 0, err
	}
	pids := []int{s.pid}
	if s.pid == 0 {
		if pids, err = procfs.List(); err != nil {
			return subject{}, 0, err
		}
	}
	var found []subject
	for _, pid := range pids {
		p, err := look(pid)
		switch {
		case err != nil && s.pid != 0:
			return subject{}, 0, err
		case err != nil:
			continue // it ended while the list was read
		}
		why := s.mismatch(p, host.Boot)
		if why == "" && p.stat.Dead() {
			why = "has ended and waits to be collected by its parent"
		}
		if why != "" && s.pid != 0 {
			return subject{}, 0, fmt.Errorf("%w: %s %s", actuator.ErrNotFound, p, why)
		}
		if why == "" {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 0:
		return subject{}, 0, fmt.Errorf(`%w: no process runs "%s"`, actuator.ErrNotFound, actuator.Clean(s.executable, 64))
	case s.top != "":
		return e.heaviest(ctx, s, found)
	case len(found) > 1:
		return subject{}, 0, fmt.Errorf("%w: %d processes match, among them %s", actuator.ErrAmbiguous, len(found), names(found, 4))
	}
	return found[0], actuator.NoContribution, nil
}

func names(subjects []subject, most int) string {
	var out []string
	for _, p := range subjects[:min(len(subjects), most)] {
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}

// heaviest returns the candidate that uses most, if it uses enough to be a
// part of the symptom. A protected process is not passed over for the second:
// then nobody is to blame that may be touched.
func (e *processExtension) heaviest(ctx context.Context, s selector, candidates []subject) (subject, float64, error) {
	var shares []float64
	var err error
	switch s.top {
	case topCPU:
		shares, err = cpuShares(ctx, candidates, e.cfg.SampleWindow)
	case topMemory:
		shares, err = memoryShares(candidates)
	}
	if err != nil {
		return subject{}, 0, err
	}
	best := 0
	for i, share := range shares {
		if share > shares[best] {
			best = i
		}
	}
	if shares[best] < s.share {
		return subject{}, 0, fmt.Errorf("%w: no process causes %.0f%% of the %s in use, the heaviest is %s with %.0f%%",
			actuator.ErrNotFound, 100*s.share, s.top, candidates[best], 100*shares[best])
	}
	return candidates[best], shares[best], nil
}

// held is the process that a request was planned for, held by a pidfd so that
// nobody else can be hit.
type held struct {
	handle  *handle
	subject subject
}

// hold opens the process that the identity names and proves that it is still
// the same: the pidfd is opened first and the identity read afterwards, so
// what was compared is what the pidfd refers to.
func hold(req actuator.Request) (held, error) {
	s, err := parseSelector(req.Target)
	if err != nil {
		return held{}, err
	}
	pid, err := strconv.ParseInt(req.Identity[idPID], 10, 32)
	if err != nil || pid < 1 {
		return held{}, fmt.Errorf("%w: the request carries no process id", actuator.ErrIdentityChanged)
	}
	h, err := open(int(pid))
	if err != nil {
		if errors.Is(err, procfs.ErrGone) {
			return held{}, fmt.Errorf("%w: process %d has ended", actuator.ErrIdentityChanged, pid)
		}
		return held{}, err
	}
	p, err := lookThrough(h, int(pid))
	switch {
	case errors.Is(err, actuator.ErrNotFound):
		err = fmt.Errorf("%w: process %d has ended", actuator.ErrIdentityChanged, pid)
	case err == nil && !p.identity().Equal(req.Identity):
		err = fmt.Errorf("%w: process %d is now %s", actuator.ErrIdentityChanged, pid, p)
	case err == nil && (p.stat.Dead() || h.ended()):
		err = fmt.Errorf("%w: %s has ended", actuator.ErrIdentityChanged, p)
	}
	if err == nil {
		var host procfs.Host
		if host, err = procfs.ReadHost(); err == nil {
			if why := s.mismatch(p, host.Boot); why != "" {
				err = fmt.Errorf("%w: %s %s", actuator.ErrIdentityChanged, p, why)
			}
		}
	}
	if err != nil {
		h.close()
		return held{}, err
	}
	return held{handle: h, subject: p}, nil
}
