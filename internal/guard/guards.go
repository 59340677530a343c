// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/plan"
)

// future is how far a timestamp may lie ahead of our clock: NTP keeps hosts
// within milliseconds, and a second covers a scraper that rounds up.
const future = time.Second

// bold is the score from which statistics alone may adjust something: twice
// the alarm level.
const bold = 2.0

func stop(in Input) Verdict {
	if in.Facts.Stopped != "" && in.Step.Changes() {
		return hold("stopped", "the stop switch is thrown: %s", in.Facts.Stopped)
	}
	return pass
}

func mode(in Input) Verdict {
	if !in.Step.Changes() || in.Ceiling() > plan.Observe {
		return pass
	}
	switch {
	case in.Facts.Why != "":
		return hold("mode_forced", "automation is reduced to observe: %s", in.Facts.Why)
	case in.Facts.Mode == plan.Observe:
		return hold("mode_observe", "the engine observes and does not act")
	case in.Plan.Mode == plan.Observe:
		return hold("plan_observe", "plan %s observes and does not act", in.Plan.ID)
	default:
		return hold("policy", "the local policy allows no %s", in.Step.Spec.Impact)
	}
}

func storage(in Input) Verdict {
	switch {
	case !in.Step.Changes():
		return pass
	case !in.Facts.Journal:
		return hold("journal_unavailable", "the journal cannot be written, so an action could happen twice")
	case !in.Facts.Durable && in.Step.Spec.Impact.HeavierThan(actuator.Adjust):
		return hold("storage_not_durable", "%s is a %s: its storage must write with fsync (set fsync: true on the storage extension)", in.Step.Action, in.Step.Spec.Impact)
	default:
		return pass
	}
}

func origin(in Input) Verdict {
	if !plan.Local(in.Incident.Target.Kind) {
		return pass
	}
	here := in.Facts.Host
	for _, s := range in.Incident.Evidence {
		switch p := s.Last; {
		case here.Is(p.HostName, p.HostID):
		case p.HostID != "" && here.ID != "":
			return no("foreign_host", "the evidence is about host id %q, this is %q", p.HostID, here.ID)
		default:
			return no("foreign_host", "the evidence is about host %q, this is %q (set host::name if they are the same)", p.HostName, here.Name)
		}
	}
	return pass
}

func freshness(in Input) Verdict {
	p, firing := in.Incident.Evidence.Freshest()
	if !firing {
		return hold("evidence_gone", "no series of the evidence fires now")
	}
	quiet := in.Ledger.quiet(on(in.Incident.Target.String()))
	switch age := in.Now.Sub(p.Time); {
	case age < -future:
		return hold("evidence_from_future", "the newest datapoint lies %s ahead of this clock", -age)
	case age > in.Limits.MaxEvidenceAge:
		return hold("evidence_stale", "the newest datapoint is %s old, at most %s is fresh", round(age), in.Limits.MaxEvidenceAge)
	case in.Now.Sub(p.Received) > in.Limits.MaxReceiveAge:
		return hold("evidence_stale", "the newest datapoint was received %s ago, at most %s is fresh", round(in.Now.Sub(p.Received)), in.Limits.MaxReceiveAge)
	case !p.Time.After(quiet):
		return hold("evidence_before_action", "the newest datapoint is not newer than the last action on the target and its settling time")
	default:
		return pass
	}
}

func confirmation(in Input) Verdict {
	if !in.Plan.Confirm.Met(in.Incident.Evidence) {
		return hold("not_confirmed", "the evidence is less than %s", in.Plan.Confirm)
	}
	return pass
}

func corroboration(in Input) Verdict {
	if !in.Step.Changes() || in.Incident.Evidence.ByRule() {
		return pass
	}
	if in.Step.Spec.Impact.HeavierThan(actuator.Adjust) {
		return hold("statistics_only", "%s is a %s, and no rule stands behind the evidence", in.Step.Action, in.Step.Spec.Impact)
	}
	if score := in.Incident.Evidence.Score(); score < bold {
		return hold("score_low", "no rule stands behind the evidence and its score is %.2f: statistics alone need %.0f", score, bold)
	}
	return pass
}

func warmUp(in Input) Verdict {
	if !in.Step.Changes() {
		return pass
	}
	if until := in.Facts.Started.Add(in.Limits.WarmUp); in.Now.Before(until) {
		return hold("warm_up", "the engine started %s ago, it acts after %s", round(in.Now.Sub(in.Facts.Started)), in.Limits.WarmUp)
	}
	if in.Facts.Booted.IsZero() && in.Limits.BootWarmUp > 0 {
		return hold("boot_unknown", "it is not known when the host booted (set limits::boot_warm_up: 0s to act anyway)")
	}
	if until := in.Facts.Booted.Add(in.Limits.BootWarmUp); in.Now.Before(until) {
		return hold("boot_warm_up", "the host booted %s ago, the engine acts after %s", round(in.Now.Sub(in.Facts.Booted)), in.Limits.BootWarmUp)
	}
	return pass
}

func backoff(in Input) Verdict {
	if in.Now.Before(in.Incident.NotBefore) {
		return hold("backoff", "the next attempt of step %s is due in %s", in.Step.ID, round(in.Incident.NotBefore.Sub(in.Now)))
	}
	return pass
}

func attempts(in Input) Verdict {
	switch {
	case in.Incident.Attempt >= in.Step.Attempts:
		return no("attempts_spent", "step %s was tried %d times", in.Step.ID, in.Incident.Attempt)
	case in.Step.Changes() && in.Incident.Actions >= in.Incident.Plan.MaxActions:
		return no("incident_budget_spent", "%d actions did not repair it", in.Incident.Actions)
	default:
		return pass
	}
}

func inFlight(in Input) Verdict {
	if in.Facts.Busy != "" && in.Step.Changes() {
		return hold("target_in_flight", "an action of incident %s on the same target is not judged yet", in.Facts.Busy)
	}
	return pass
}

func coolDown(in Input) Verdict { return coolDownOf(in, on(in.Incident.Target.String())) }

func targetBudget(in Input) Verdict { return budgetOf(in, on(in.Incident.Target.String())) }

func hostBudget(in Input) Verdict {
	if !in.Step.Changes() {
		return pass
	}
	used := in.Ledger.count(in.Now.Add(-time.Hour), func(e Entry) bool { return e.Host == in.Incident.Host })
	if used >= in.Limits.ActionsPerHostHour {
		return hold("host_budget_spent", "%d actions on the host within an hour, at most %d are allowed", used, in.Limits.ActionsPerHostHour)
	}
	return pass
}

// Reasons by which the engine knows what a guard waits for.
const (
	NeedsPreview  = "preview_pending"
	NeedsApproval = "approval_required"
)

func preview(in Input) Verdict {
	p := in.Facts.Preview
	switch {
	case p == nil:
		return hold(NeedsPreview, "the actuator is asked what it would do")
	case p.Error == "target_protected":
		return no(p.Error, "%s", p.Text)
	case p.Error != "":
		return hold(p.Error, "%s", p.Text)
	case len(p.Blockers) > 0:
		return hold(p.Blockers[0].Code, "%s", p.Blockers[0].Text)
	case len(p.Identity) == 0 && in.Step.Changes():
		return hold("no_identity", "the actuator does not say which incarnation of the target it would act on")
	default:
		return pass
	}
}

func contribution(in Input) Verdict {
	if in.Plan.Target.MinShare == 0 || !in.Step.Changes() {
		return pass
	}
	if share := in.Facts.Preview.Contribution; !(share >= in.Plan.Target.MinShare) {
		return hold("contribution_low", "the target causes %s of the symptom, at least %v is asked for", percent(share), in.Plan.Target.MinShare)
	}
	return pass
}

func percent(share float64) string {
	if !(share >= 0) {
		return "an unknown share"
	}
	return strconv.FormatFloat(share*100, 'f', 0, 64) + " %"
}

func approval(in Input) Verdict {
	if !in.Step.Changes() || in.Ceiling() == plan.Auto {
		return pass
	}
	if in.Incident.Consent == "" {
		return hold(NeedsApproval, "a person must approve %s", in.Step.Action)
	}
	if in.Incident.Consent != in.Digest() {
		return hold(NeedsApproval, "what was approved has changed, a person must approve %s anew", in.Step.Action)
	}
	return pass
}

func capacity(in Input) Verdict {
	if in.Facts.Workers < 1 {
		return hold("workers_busy", "every worker waits for an actuator")
	}
	return pass
}

// round keeps texts short; they are not compared, so that losing digits is
// harmless.
func round(d time.Duration) fmt.Stringer { return d.Round(100 * time.Millisecond) }
