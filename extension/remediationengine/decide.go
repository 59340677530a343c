// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"fmt"
	"slices"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/plan"
)

// Reason codes of what the engine itself decides. Those of guards are theirs.
const (
	reasonConfirmed   = "confirmed"
	reasonPlanned     = "planned"
	reasonNoPlan      = "no_plan"
	reasonPlanChanged = "plan_changed"
	reasonCleared     = "evidence_cleared"
	reasonLost        = "evidence_lost"
	reasonExhausted   = "steps_exhausted"
	reasonEscalates   = "plan_escalates"
	reasonExpired     = "approval_expired"
	reasonWould       = "observed"
	reasonCrashed     = "outcome_lost"
	reasonRebooted    = "rebooted"
	reasonTimeout     = "actuator_timeout"
	reasonRepeat      = "idempotent_repeat"
	reasonUnknown     = "outcome_unknown"
	reasonSettled     = "settled"
	reasonCooling     = "cool_down"
)

// move takes the next step of one incident, and reports whether it may take
// another one at once. What to do follows from what the incident is.
func (l *loop) move(in incident.Incident, now time.Time) bool {
	switch in.State {
	case incident.Detected:
		return l.detected(in, now)
	case incident.Confirmed:
		return l.confirmed(in, now)
	case incident.Planned, incident.Gated:
		return l.informed(now) && l.undecided(in, now)
	case incident.AwaitingApproval:
		return l.informed(now) && l.awaiting(in, now)
	case incident.Reserved, incident.Executing:
		return l.orphaned(in, now)
	case incident.Ambiguous:
		return l.clarify(in, now)
	case incident.Settling:
		return !now.Before(in.Floor) && l.emit(in, now, incident.Event{Kind: incident.KindSettled, Reason: reasonSettled, Text: "the transient is over, newer data is judged from here"})
	case incident.Verifying:
		return l.verify(l.attend(in, now), now)
	case incident.Resolved:
		until := l.ledger.Cooldown(in.Target.String(), "", l.limits, now)
		return l.emit(in, now, incident.Event{Kind: incident.KindCooling, Until: until, Reason: reasonCooling, Text: "the target is left alone until " + until.Format(time.RFC3339)})
	case incident.Escalated:
		return l.watch(in, now)
	default:
		return false
	}
}

// informed reports whether the Collector has told its configuration, or has
// had its time to. A decision before that would put false reasons on record.
func (l *loop) informed(now time.Time) bool {
	return l.known.Load() || now.Sub(l.started) >= patience
}

// emit applies an event about the incident and reports whether it was taken.
func (l *loop) emit(in incident.Incident, now time.Time, ev incident.Event) bool {
	ev.Incident, ev.Time = in.ID, now
	_, ok := l.apply(ev)
	return ok
}

func (l *loop) escalate(in incident.Incident, now time.Time, reason, text string) bool {
	return l.emit(in, now, incident.Event{Kind: incident.KindEscalated, Reason: reason, Text: text})
}

func (l *loop) close(in incident.Incident, now time.Time, as incident.State, reason, text string) bool {
	return l.emit(in, now, incident.Event{Kind: incident.KindClosed, Close: as, Reason: reason, Text: text})
}

// silent reports whether nothing was heard about the incident for too long.
// The time of the last change counts too: after a restart nothing was heard.
func (l *loop) silent(in incident.Incident, now time.Time) bool {
	heard := in.Evidence.LastHeard()
	for _, t := range []time.Time{in.Opened, l.started} {
		if t.After(heard) {
			heard = t
		}
	}
	return now.Sub(heard) > l.cfg.ForgetAfter
}

func (l *loop) detected(in incident.Incident, now time.Time) bool {
	switch p, planned := l.plan(in); {
	case in.Evidence.Cleared():
		return l.close(in, now, incident.Forgotten, reasonCleared, "the evidence cleared before it was confirmed")
	case l.silent(in, now):
		return l.close(in, now, incident.Forgotten, reasonLost, "nothing more was heard about it")
	case !planned:
		return l.emit(in, now, incident.Event{Kind: incident.KindConfirmed, Reason: reasonConfirmed, Text: "a named fault fires, and no plan asks for more"})
	case p.Confirm.Met(in.Evidence):
		return l.emit(in, now, incident.Event{Kind: incident.KindConfirmed, Reason: reasonConfirmed, Text: "the evidence is at least " + p.Confirm.String()})
	default:
		return false
	}
}

func (l *loop) confirmed(in incident.Incident, now time.Time) bool {
	p, planned := l.plan(in)
	switch {
	case in.Evidence.Cleared():
		return l.close(in, now, incident.ResolvedExternally, reasonCleared, "the evidence cleared before anything was done")
	case !planned && in.PlanID == "":
		return l.escalate(in, now, reasonNoPlan, "no plan answers fault "+actuator.Clean(in.Fault, maxText))
	case !planned:
		return l.escalate(in, now, reasonPlanChanged, "plan "+in.PlanID+" is not what it was when the incident was opened")
	}
	bounds := p.Bounds(l.cfg.Limits.ActionsPerIncident)
	return l.emit(in, now, incident.Event{Kind: incident.KindPlanned, Plan: &bounds, Reason: reasonPlanned, Text: fmt.Sprintf("plan %s is followed, mode %s, %d steps", p.ID, p.Mode, len(p.Steps))})
}

// plan returns the plan of an incident, unless it has changed since.
func (l *loop) plan(in incident.Incident) (plan.Plan, bool) {
	for _, p := range l.plans {
		if p.ID == in.PlanID && l.digests[p.ID] == in.Digest {
			return p, true
		}
	}
	return plan.Plan{}, false
}

// undecided decides about the next step of an incident.
func (l *loop) undecided(in incident.Incident, now time.Time) bool {
	p, planned := l.plan(in)
	switch {
	case in.Evidence.Cleared():
		return l.close(in, now, incident.ResolvedExternally, reasonCleared, "the evidence cleared while no action was under way")
	case !planned && in.Actions == 0:
		return l.close(in, now, incident.Forgotten, reasonPlanChanged, "plan "+in.PlanID+" has changed before anything was done")
	case !planned:
		return l.escalate(in, now, reasonPlanChanged, "plan "+in.PlanID+" has changed since something was done")
	case l.silent(in, now) && in.Actions == 0:
		return l.close(in, now, incident.Forgotten, reasonLost, "nothing more was heard about it")
	case l.silent(in, now):
		return l.escalate(in, now, reasonLost, "nothing more was heard about it since something was done")
	case in.Next >= len(p.Steps):
		return l.escalate(in, now, reasonExhausted, "no step of plan "+p.ID+" is left")
	case p.Steps[in.Next].Escalates():
		return l.escalate(in, now, reasonEscalates, "plan "+p.ID+" hands it to a person")
	case in.Consent != "" && in.Question != nil && now.After(in.Question.Expires):
		return l.escalate(in, now, reasonExpired, "what was approved could not be executed before the approval expired")
	}
	input := l.input(in, p, now)
	verdict := guard.Decide(input)
	if verdict.Guard == guard.NameMode {
		rehearsal := input
		rehearsal.Rehearse = true
		would := guard.Decide(rehearsal)
		switch {
		case would.Say == guard.Go && !slices.Contains(in.Would, input.Step.ID):
			return l.would(rehearsal)
		case would.Say != guard.Go && !slices.Contains(in.Would, input.Step.ID):
			verdict = would
		}
	}
	switch {
	case verdict.Say == guard.Go:
		return l.act(input)
	case verdict.Say == guard.No:
		return l.emit(in, now, incident.Event{Kind: incident.KindEscalated, Guard: verdict.Guard, Reason: verdict.Reason, Text: verdict.Text, Labels: labels(input)})
	case verdict.Reason == guard.NeedsPreview:
		l.look(input)
		return false
	case verdict.Reason == guard.NeedsApproval:
		return l.ask(input, verdict)
	case in.State == incident.Gated && in.Reason == verdict.Reason:
		return false
	default:
		l.emit(in, now, incident.Event{Kind: incident.KindHeld, Guard: verdict.Guard, Reason: verdict.Reason, Text: verdict.Text, Labels: labels(input)})
		return false
	}
}

// input collects what the guards judge.
func (l *loop) input(in incident.Incident, p plan.Plan, now time.Time) guard.Input {
	standing := l.standing.Load()
	input := guard.Input{
		Now: now, Incident: in, Plan: p, Step: p.Steps[in.Next], Ledger: l.ledger, Limits: l.limits,
		Facts: guard.Facts{
			Stopped: standing.stopped, Mode: standing.mode, Why: standing.why, Policy: l.policy,
			Journal: l.journal.Healthy(), Durable: l.durable.Load(), Host: l.around.host,
			Started: l.started, Booted: l.around.booted, Workers: l.hands.free(),
		},
	}
	for id := range l.busy[in.Target.String()] {
		if id != in.ID {
			input.Facts.Busy = id
		}
	}
	for _, ids := range l.busy {
		for id := range ids {
			if other, ok := l.book.Get(id); ok && id != in.ID && other.Intent != nil {
				if input.Facts.Flights == nil {
					input.Facts.Flights = map[string]actuator.Identity{}
				}
				input.Facts.Flights[id] = other.Intent.Request.Identity
			}
		}
	}
	// What a person has said yes to is looked at once more after the yes: it
	// may have changed while the question was open.
	v, ok := l.views[in.ID]
	recent := now.Sub(v.at) <= viewAge && (in.Consent == "" || !v.at.Before(in.Updated))
	if ok && recent && v.step == in.Next && v.attempt == in.Attempt {
		input.Facts.Preview = &v.preview
	}
	return input
}

// viewAge is how long a preview may stand before a decision rests on it. It
// is asked for when all other guards say go, so that this is ample.
const viewAge = 5 * time.Second

// maxText bounds text from telemetry in records.
const maxText = 256

// labels tells which action a withheld decision was about.
func labels(input guard.Input) map[string]string {
	out := map[string]string{
		attrStep: input.Step.ID, attrAction: input.Step.Action, attrImpact: input.Step.Spec.Impact.String(),
		attrMode: input.Ceiling().String(),
	}
	if input.Facts.Preview != nil && input.Facts.Preview.Target != "" {
		out[attrTargetName] = actuator.Clean(input.Facts.Preview.Target, maxText)
	}
	return out
}

// would records, once per incident and step, what was not done.
func (l *loop) would(input guard.Input) bool {
	text := "would have executed " + input.Step.Action + " on " + subject(input)
	return l.emit(input.Incident, input.Now, incident.Event{
		Kind: incident.KindWould, Step: input.Step.ID, Reason: reasonWould, Text: text, Labels: labels(input),
	})
}

// subject is the target in words.
func subject(input guard.Input) string {
	if input.Facts.Preview != nil && input.Facts.Preview.Target != "" {
		return actuator.Clean(input.Facts.Preview.Target, maxText)
	}
	return input.Incident.Target.String()
}

func (l *loop) ask(input guard.Input, verdict guard.Verdict) bool {
	delete(l.asked, input.Incident.ID) // a yes need not wait to be previewed
	question := &incident.Question{
		Digest: input.Digest(), Action: input.Step.Action + " on " + subject(input), Preview: guard.Shown(input.Facts.Preview.Effects),
		Expires: input.Now.Add(l.cfg.ApprovalTimeout),
	}
	return l.emit(input.Incident, input.Now, incident.Event{
		Kind: incident.KindAsked, Question: question, Reason: verdict.Reason, Text: verdict.Text, Labels: labels(input),
	})
}

func (l *loop) awaiting(in incident.Incident, now time.Time) bool {
	_, planned := l.plan(in)
	switch {
	case in.Evidence.Cleared():
		return l.close(in, now, incident.ResolvedExternally, reasonCleared, "the evidence cleared before anybody answered")
	case !planned:
		return l.escalate(in, now, reasonPlanChanged, "plan "+in.PlanID+" has changed since the question was asked")
	case !now.Before(in.Question.Expires):
		return l.escalate(in, now, reasonExpired, "nobody answered in time")
	default:
		return false
	}
}

// attend notes while an incident is verified that telemetry still comes.
func (l *loop) attend(in incident.Incident, now time.Time) incident.Incident {
	at := l.intake.heard()
	if !at.After(in.Floor) || !at.After(in.Checks[plan.CheckAlive].Last) {
		return in
	}
	l.emit(in, now, incident.Event{Kind: incident.KindCheck, Check: &incident.Check{Name: plan.CheckAlive, Seen: incident.Passed, Time: at}})
	in, _ = l.book.Get(in.ID)
	return in
}

// watch ends an escalated incident when its evidence does. Old calm is no
// answer: a verification may just have found it too little.
func (l *loop) watch(in incident.Incident, now time.Time) bool {
	switch {
	case in.Evidence.Cleared() && in.Evidence.LastHeard().After(in.Updated):
		return l.close(in, now, incident.ResolvedExternally, reasonCleared, "the evidence cleared after it was escalated")
	case l.silent(in, now):
		return l.close(in, now, incident.Forgotten, reasonLost, "nothing more was heard about it")
	default:
		return false
	}
}
