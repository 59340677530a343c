// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// KeyOf names the fault of a target: one incident may be open about it. A
// process that the evidence names has an incident of its own, because what
// another process of the same name and owner does is no evidence against it:
// there its pid and start time are part of the key. Budgets, recurrence and
// cool-downs hang on the target, which survives a restart. 32 hex digits.
func KeyOf(target actuator.Target, fault string) string {
	parts := []string{target.Kind, target.Key, fault}
	if pid := processOf(target); pid != "" {
		parts = append(parts, pid, target.Attr[actuator.AttrStart])
	}
	return digest(parts...)
}

// processOf is the pid of a target that is one process, or "".
func processOf(target actuator.Target) string {
	if target.Kind != actuator.KindProcess {
		return ""
	}
	return target.Attr[actuator.AttrPID]
}

// Concerns reports whether the incident is about this fault of this target,
// whatever start time the telemetry gives it; began is that start time, zero
// where it is not known.
func (in Incident) Concerns(target actuator.Target, fault string, began time.Time) bool {
	return in.Fault == fault && in.Target.Kind == target.Kind && in.Target.Key == target.Key &&
		processOf(in.Target) == processOf(target) && !in.Succeeded(began)
}

// Succeeded reports whether a process that began then is another one than the
// process that the incident is about: it began after the incident last heard
// of that. Start times differ by rounding, and between metrics, so that being
// unequal proves nothing. Always false where the target is no process.
func (in Incident) Succeeded(began time.Time) bool {
	if processOf(in.Target) == "" || began.IsZero() {
		return false
	}
	for _, s := range in.Evidence {
		if !began.After(s.Last.Time) {
			return false
		}
	}
	return len(in.Evidence) > 0
}

// IDOf names one incident: a key and when it was opened. 32 hex digits, the
// size of a trace id.
func IDOf(key string, opened time.Time) string {
	return digest(key, strconv.FormatInt(opened.UnixNano(), 10))
}

// digest separates its parts by their lengths, so that no two lists of parts
// are alike.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(strconv.AppendInt(nil, int64(len(part)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
