// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// anchors are what of an identity stays while the rest changes with each
// action, first the pair that both must have: a restarted unit has another
// invocation, and is the same unit.
var anchors = [][]string{
	{"unit"},
	{"service"},
	{"pid", "boot_id", "start_ticks"},
}

// same reports whether two identities that actuators found are one target.
func same(a, b actuator.Identity) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	for _, anchor := range anchors {
		if a[anchor[0]] == "" || b[anchor[0]] == "" {
			continue
		}
		for _, name := range anchor {
			if a[name] != b[name] {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// found is whom the actuator says that it would act on.
func (in Input) found() actuator.Identity {
	if in.Facts.Preview == nil {
		return nil
	}
	return in.Facts.Preview.Identity
}

// acted reports whether an entry is about the target, or about whom the
// actuator found under another key: telemetry may omit what a key is made of,
// and two plans may choose the same victim by different means.
func (in Input) acted(e Entry) bool {
	return e.Target == in.Incident.Target.String() || same(e.Identity, in.found())
}

func sameInFlight(in Input) Verdict {
	if !in.Step.Changes() {
		return pass
	}
	for id, identity := range in.Facts.Flights {
		if id != in.Incident.ID && same(identity, in.found()) {
			return hold("target_in_flight", "an action of incident %s on the same target, under another key, is not judged yet", id)
		}
	}
	return pass
}

func sameQuiet(in Input) Verdict {
	p, _ := in.Incident.Evidence.Freshest()
	if in.Step.Changes() && !p.Time.After(in.Ledger.quiet(in.acted)) {
		return hold("evidence_before_action", "the newest datapoint is not newer than the last action on the target, under another key, and its settling time")
	}
	return pass
}

func sameCoolDown(in Input) Verdict { return coolDownOf(in, in.acted) }

func sameBudget(in Input) Verdict { return budgetOf(in, in.acted) }

func coolDownOf(in Input, acted func(Entry) bool) Verdict {
	if !in.Step.Changes() || in.Incident.Actions > 0 {
		return pass // attempts within one incident are spaced by backoff
	}
	if until := in.Ledger.cooldown(acted, in.Incident.ID, in.Limits, in.Now); in.Now.Before(until) {
		return hold("cool_down", "the target was acted on before and is left alone for another %s", round(until.Sub(in.Now)))
	}
	return pass
}

func budgetOf(in Input, acted func(Entry) bool) Verdict {
	if !in.Step.Changes() {
		return pass
	}
	if used := in.Ledger.count(in.Now.Add(-day), acted); used >= in.Limits.ActionsPerTargetDay {
		return no("target_budget_spent", "%d actions on the target within a day, at most %d are allowed", used, in.Limits.ActionsPerTargetDay)
	}
	return pass
}

// on is the condition that an entry is about the target with this key.
func on(target string) func(Entry) bool {
	return func(e Entry) bool { return e.Target == target }
}

// Cooldown is until when a target is left alone by incidents other than the
// named one: after the n-th incident with actions within a day, initial x
// factor^(n-1) from its last action, at most max.
func (l *Ledger) Cooldown(target, exceptIncident string, limits Limits, now time.Time) time.Time {
	return l.cooldown(on(target), exceptIncident, limits, now)
}
