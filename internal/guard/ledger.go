// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"slices"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/incident"
)

// day is how long an action weighs on its target.
const day = 24 * time.Hour

// Ledger remembers actions for the budgets. Its entries are part of the
// journal: they change with the same write as the intent. A Ledger belongs to
// one goroutine.
type Ledger struct {
	Entries []Entry `json:"entries"` // oldest first, none older than a day
}

// Entry is one action that was intended. A failed dispatch stays in it; an
// intent that could not be journalled never gets in.
type Entry struct {
	Time      time.Time         `json:"time"`
	Target    string            `json:"target"` // kind:key
	Host      string            `json:"host"`
	Incident  string            `json:"incident"`
	Operation string            `json:"operation"`
	Identity  actuator.Identity `json:"identity,omitempty"` // whom the actuator found, whatever the key says
	Quiet     time.Time         `json:"quiet"`              // evidence up to here is the action's own transient
}

// Fold takes note of an event of the incident that the event led to. It
// reports whether the ledger changed.
func (l *Ledger) Fold(ev incident.Event, in incident.Incident) bool {
	switch ev.Kind {
	case incident.KindIntended:
		it := ev.Intent
		if it.Impact == actuator.Observe {
			return false
		}
		l.prune(ev.Time)
		l.Entries = append(l.Entries, Entry{
			Time: ev.Time, Target: in.Target.String(), Host: in.Host, Incident: in.ID,
			Operation: it.Request.Operation, Identity: it.Request.Identity, Quiet: ev.Time.Add(it.Limit + it.Settle),
		})
		return true
	case incident.KindOutcome, incident.KindAssumed:
		if in.Intent == nil {
			return false
		}
		for i := range l.Entries {
			if l.Entries[i].Operation == in.Intent.Request.Operation {
				l.Entries[i].Quiet = ev.Time.Add(in.Intent.Settle)
				return true
			}
		}
		return false
	default:
		return false
	}
}

// Clone returns a copy that shares no memory, for a write that may fail.
func (l *Ledger) Clone() *Ledger { return &Ledger{Entries: slices.Clone(l.Entries)} }

// prune forgets what weighs on nothing any more.
func (l *Ledger) prune(now time.Time) {
	l.Entries = slices.DeleteFunc(l.Entries, func(e Entry) bool { return now.Sub(e.Time) > day })
}

// quiet is until when evidence is not independent of what was done to the
// target whose entries satisfy the condition.
func (l *Ledger) quiet(acted func(Entry) bool) time.Time {
	var until time.Time
	for _, e := range l.Entries {
		if acted(e) && e.Quiet.After(until) {
			until = e.Quiet
		}
	}
	return until
}

// cooldown is Cooldown of the target whose entries satisfy the condition.
func (l *Ledger) cooldown(acted func(Entry) bool, exceptIncident string, limits Limits, now time.Time) time.Time {
	var last time.Time
	incidents := map[string]bool{}
	for _, e := range l.Entries {
		if acted(e) && e.Incident != exceptIncident && now.Sub(e.Time) <= day {
			incidents[e.Incident] = true
			last = e.Quiet
		}
	}
	if len(incidents) == 0 {
		return time.Time{}
	}
	span := float64(limits.CooldownInitial)
	for range len(incidents) - 1 {
		span *= limits.CooldownFactor
		if span >= float64(limits.CooldownMax) {
			break
		}
	}
	return last.Add(min(time.Duration(span), limits.CooldownMax))
}

// count says how many actions satisfy the condition since the given time.
func (l *Ledger) count(since time.Time, match func(Entry) bool) int {
	n := 0
	for _, e := range l.Entries {
		if !e.Time.Before(since) && match(e) {
			n++
		}
	}
	return n
}
