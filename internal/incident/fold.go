// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"maps"
	"slices"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
)

// enter changes state with the event's reason.
func (in Incident) enter(s State, ev Event) Incident {
	in.State, in.Reason, in.Text = s, ev.Reason, ev.Text
	return in
}

func (in *Incident) note(ev Event, now time.Time) {
	text := ev.Text
	if text == "" {
		text = ev.Reason
	}
	line := Entry{Time: now, Kind: ev.Kind, State: in.State, Text: text}
	history := make([]Entry, 0, len(in.History)+1)
	history = append(append(history, in.History...), line)
	if len(history) > maxHistory {
		history = append(history[:maxHistory/2], history[maxHistory/2+1:]...)
	}
	in.History = history
}

func opened(ev Event, now time.Time) Incident {
	o := ev.Opening
	in := Incident{
		ID: ev.Incident, Key: o.Key, Host: o.Host, Target: o.Target, Fault: o.Fault,
		PlanID: o.PlanID, Digest: o.Digest, Opened: now, Updated: now, Evidence: o.Evidence,
	}
	for _, s := range o.Evidence {
		in.Severity = heavier(in.Severity, s.Last.Severity)
		if in.First.IsZero() || s.Last.Time.Before(in.First) {
			in.First, in.Anomaly = s.Last.Time, s.Last.Anomaly
		}
	}
	in = in.enter(Detected, ev)
	in.note(ev, now)
	return in
}

func heavier(a, b finding.Severity) finding.Severity {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}

func (in Incident) evidence(ev Event, _ time.Time) (Incident, error) {
	if ev.Point == nil || in.State.Closed() {
		return in, in.refuse(ev, "it is closed")
	}
	in.Evidence = in.Evidence.observe(*ev.Point, in.Floor)
	in.Severity = heavier(in.Severity, ev.Point.Severity)
	return in, nil
}

func (in Incident) confirmed(ev Event, _ time.Time) (Incident, error) {
	if in.State != Detected {
		return in, in.refuse(ev, "it is confirmed already")
	}
	return in.enter(Confirmed, ev), nil
}

func (in Incident) planned(ev Event, _ time.Time) (Incident, error) {
	if in.State != Confirmed || ev.Plan == nil || len(ev.Plan.Steps) == 0 {
		return in, in.refuse(ev, "only a confirmed incident takes a plan with steps")
	}
	in.Plan = *ev.Plan
	return in.enter(Planned, ev), nil
}

func (in Incident) held(ev Event, _ time.Time) (Incident, error) {
	if !in.State.Undecided() {
		return in, in.refuse(ev, "no step is pending")
	}
	return in.enter(Gated, ev), nil
}

func (in Incident) would(ev Event, _ time.Time) (Incident, error) {
	if !in.State.Undecided() || ev.Step == "" {
		return in, in.refuse(ev, "no step is pending")
	}
	if slices.Contains(in.Would, ev.Step) {
		return in, in.refuse(ev, "it was recorded already")
	}
	in.Would = append(slices.Clip(in.Would), ev.Step)
	return in.enter(Gated, ev), nil
}

func (in Incident) asked(ev Event, _ time.Time) (Incident, error) {
	if !in.State.Undecided() || ev.Question == nil || ev.Question.Digest == "" {
		return in, in.refuse(ev, "no step is pending")
	}
	in.Question, in.Consent = ev.Question, ""
	return in.enter(AwaitingApproval, ev), nil
}

func (in Incident) answered(ev Event, _ time.Time) (Incident, error) {
	switch {
	case in.State != AwaitingApproval || in.Question == nil || ev.Answer == nil:
		return in, in.refuse(ev, "no question is open")
	case ev.Answer.Digest != in.Question.Digest:
		return in, in.refuse(ev, "it answers another question")
	}
	in.Answerer = ev.Answer.By
	if !ev.Answer.Approve {
		in.Question = nil
		return in.enter(Escalated, ev), nil
	}
	in.Consent = ev.Answer.Digest
	return in.enter(Gated, ev), nil
}

func (in Incident) intended(ev Event, _ time.Time) (Incident, error) {
	it := ev.Intent
	switch {
	case !in.State.Undecided() || it == nil || it.Request.Operation == "":
		return in, in.refuse(ev, "no step is pending")
	case in.Next >= len(in.Plan.Steps) || it.Step != in.Plan.Steps[in.Next].ID:
		return in, in.refuse(ev, "it is not the next step")
	case it.Attempt != in.Attempt+1 || it.Attempt > in.Plan.Steps[in.Next].Attempts:
		return in, in.refuse(ev, "the step has no such attempt")
	case it.Consent != in.Consent:
		return in, in.refuse(ev, "it claims another consent")
	}
	if it.Impact != actuator.Observe {
		if in.Actions >= in.Plan.MaxActions {
			return in, in.refuse(ev, "the incident's actions are spent")
		}
		in.Actions++
	}
	in.Attempt = it.Attempt
	in.Intent, in.Result, in.Verdict = it, nil, ""
	in.Agreed = nil
	if in.Consent != "" && in.Question != nil {
		in.Agreed = in.Question.Preview
	}
	in.Question, in.Consent = nil, ""
	in.Repeats, in.Doubt, in.Checks = 0, false, nil
	in.Evidence = in.Evidence.merge(it.Series)
	return in.enter(Reserved, ev), nil
}

func (in Incident) dispatched(ev Event, _ time.Time) (Incident, error) {
	if in.State != Reserved {
		return in, in.refuse(ev, "nothing is reserved")
	}
	return in.enter(Executing, ev), nil
}

func (in Incident) repeated(ev Event, _ time.Time) (Incident, error) {
	switch {
	case in.State != Ambiguous || in.Intent == nil:
		return in, in.refuse(ev, "no outcome is unknown")
	case in.Intent.Replay != actuator.Idempotent:
		return in, in.refuse(ev, "the verb must not be executed again")
	case in.Repeats >= maxRepeats:
		return in, in.refuse(ev, "it was repeated already")
	}
	in.Repeats++
	return in.enter(Executing, ev), nil
}

func (in Incident) outcome(ev Event, now time.Time) (Incident, error) {
	switch in.State {
	case Reserved, Executing, Ambiguous:
	default:
		return in, in.refuse(ev, "nothing was dispatched")
	}
	if ev.Result == nil || in.Intent == nil {
		return in, in.refuse(ev, "it carries no result")
	}
	in.Result, in.Acted = ev.Result, now
	if in.Intent.Impact == actuator.Observe {
		// What only looks changes nothing, whatever became of it.
		return in.nextStep().enter(Planned, ev), nil
	}
	switch ev.Result.Done.Outcome {
	case actuator.Applied:
		return in.settling(ev, now), nil
	case actuator.NotApplied, actuator.Refused:
		return in.nextAttempt(now).enter(Planned, ev), nil
	default:
		return in.enter(Ambiguous, ev), nil
	}
}

func (in Incident) assumed(ev Event, now time.Time) (Incident, error) {
	if in.State != Ambiguous {
		return in, in.refuse(ev, "no outcome is unknown")
	}
	in.Doubt = true
	return in.settling(ev, now), nil
}

// settling starts the wait between an effect and its judgement.
func (in Incident) settling(ev Event, now time.Time) Incident {
	in.Floor, in.Due = now.Add(in.Intent.Settle), now.Add(in.Intent.Deadline)
	in.Evidence = in.Evidence.rest(in.Floor)
	in.Checks = nil
	return in.enter(Settling, ev)
}

func (in Incident) settled(ev Event, now time.Time) (Incident, error) {
	if in.State != Settling || now.Before(in.Floor) {
		return in, in.refuse(ev, "the settling time has not passed")
	}
	return in.enter(Verifying, ev), nil
}

func (in Incident) check(ev Event, _ time.Time) (Incident, error) {
	if in.State != Verifying || ev.Check == nil {
		return in, in.refuse(ev, "nothing is being verified")
	}
	c := *ev.Check
	checks := make(map[string]Track, len(in.Checks)+1)
	maps.Copy(checks, in.Checks)
	track := checks[c.Name]
	track.Last, track.Seen, track.Text = c.Time, c.Seen, c.Text
	if c.Seen != Inconclusive {
		track.Count++
	}
	switch {
	case c.Seen != Passed:
		track.Since = time.Time{}
	case track.Since.IsZero():
		track.Since = c.Time
	}
	checks[c.Name] = track
	in.Checks = checks
	return in, nil
}

func (in Incident) judged(ev Event, now time.Time) (Incident, error) {
	if in.State != Verifying {
		return in, in.refuse(ev, "nothing is being verified")
	}
	in.Verdict = ev.Verdict
	switch {
	case ev.Verdict == Passed:
		return in.finish(Resolved, ev, now), nil
	case ev.Verdict == Failed && !in.Doubt:
		return in.nextAttempt(now).enter(Planned, ev), nil
	case ev.Verdict == Failed || ev.Verdict == Inconclusive:
		return in.enter(Escalated, ev), nil
	default:
		return in, in.refuse(ev, "it is no verdict")
	}
}

func (in Incident) nextStep() Incident {
	in.Next++
	in.Attempt, in.NotBefore = 0, time.Time{}
	return in
}

// nextAttempt goes on with the next attempt of the step after its backoff,
// or with the next step at once when there is none.
func (in Incident) nextAttempt(now time.Time) Incident {
	step := in.Plan.Steps[in.Next]
	if in.Attempt >= step.Attempts {
		return in.nextStep()
	}
	in.NotBefore = now.Add(step.Backoff.After(in.Attempt))
	return in
}

func (in Incident) finish(s State, ev Event, now time.Time) Incident {
	in.Outcome, in.Closed, in.Question, in.Consent = s, now, nil, ""
	return in.enter(s, ev)
}

func (in Incident) cooling(ev Event, _ time.Time) (Incident, error) {
	if in.State != Resolved {
		return in, in.refuse(ev, "it is not resolved")
	}
	in.Until = ev.Until
	return in.enter(Cooldown, ev), nil
}

func (in Incident) escalated(ev Event, _ time.Time) (Incident, error) {
	switch in.State {
	case Detected, Confirmed, Planned, Gated, AwaitingApproval, Ambiguous:
		in.Question, in.Consent = nil, ""
		return in.enter(Escalated, ev), nil
	default:
		return in, in.refuse(ev, "an action is under way, or it is with a person already")
	}
}

func (in Incident) closed(ev Event, now time.Time) (Incident, error) {
	if in.State.Closed() || in.State.InFlight() {
		return in, in.refuse(ev, "it is closed, or an action is not judged yet")
	}
	if ev.Close != ResolvedExternally && ev.Close != Forgotten {
		return in, in.refuse(ev, "it must end as resolved_externally or forgotten")
	}
	return in.finish(ev.Close, ev, now), nil
}
