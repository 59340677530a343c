// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/plan"
)

// glance bounds how long a preview, a probe or a check may take.
const glance = 10 * time.Second

// look asks the actuator what it would do, at most once a second and step.
func (l *loop) look(input guard.Input) {
	in := input.Incident
	if at, ok := l.asked[in.ID]; ok && input.Now.Sub(at) < time.Second && !input.Now.Before(at) {
		return
	}
	j := job{
		kind: jobPreview, incident: in.ID, limit: glance, step: in.Next, attempt: in.Attempt,
		request: actuator.Request{Verb: input.Step.Action, Target: in.Target, Params: input.Step.Params},
	}
	if l.hands.begin(j, input.Now) {
		l.asked[in.ID] = input.Now
	}
}

// act makes the intent durable and hands the action to a worker. Nothing is
// dispatched that the journal does not know.
func (l *loop) act(input guard.Input) bool {
	in, step := input.Incident, input.Step
	if v := l.withheld(input); v.Say != guard.Go {
		if in.State != incident.Gated || in.Reason != v.Reason {
			l.emit(in, input.Now, incident.Event{Kind: incident.KindHeld, Guard: v.Guard, Reason: v.Reason, Text: v.Text, Labels: labels(input)})
		}
		return false
	}
	if l.hands.free() < 1 || l.hands.waits(in.ID, jobExecute) {
		return false
	}
	intent := incident.Event{
		Kind: incident.KindIntended, Incident: in.ID, Time: input.Now, Reason: "guards_passed",
		Text:   intention(input),
		Labels: map[string]string{attrMode: input.Ceiling().String()},
		Intent: &incident.Intent{
			Request: actuator.Request{
				Operation: fmt.Sprintf("%s-%d-%d", in.ID, in.Next, in.Attempt+1),
				Verb:      step.Action, Target: in.Target, Identity: input.Facts.Preview.Identity, Params: step.Params,
			},
			Impact: step.Spec.Impact, Replay: step.Spec.Replay, Step: step.ID, Attempt: in.Attempt + 1,
			Boot: l.around.boot, Limit: step.MaxDuration(), Settle: step.Settle, Target: subject(input),
			Consent: in.Consent, Series: in.Evidence,
		},
	}
	if step.Verify != nil {
		intent.Intent.Deadline = step.Verify.Deadline
	}
	if !l.reserve(intent) {
		return false
	}
	l.emit(in, input.Now, incident.Event{Kind: incident.KindDispatched, Reason: "dispatched", Text: "handed to the actuator"})
	return l.dispatch(in.ID, intent.Intent.Request, step, input.Now)
}

func intention(input guard.Input) string {
	text := input.Step.Action + " on " + subject(input)
	if input.Step.Reason != "" {
		text += ", because: " + actuator.Clean(input.Step.Reason, maxText)
	}
	return text
}

// reserve writes the intent with its budget, and applies it only then.
func (l *loop) reserve(intent incident.Event) bool {
	before, _ := l.book.Get(intent.Incident)
	after, err := l.book.Try(intent, intent.Time)
	if err != nil {
		l.log.Error("an intent was refused", zap.String("incident", intent.Incident), zap.Error(err))
		return false
	}
	charged := l.ledger.Clone()
	var changed *guard.Ledger
	if charged.Fold(intent, after) {
		changed = charged
	}
	said := records(intent, before, after)
	if err := l.journal.Reserve(l.ctx, intent, changed, said); err != nil {
		l.log.Error("an action is withheld because its intent could not be journalled", zap.String("incident", intent.Incident), zap.Error(err))
		l.stand(intent.Time)
		return false
	}
	l.ledger = charged
	if _, after, err = l.book.Apply(intent, intent.Time); err != nil {
		// Try has said that it can be applied, and nobody else writes.
		panic("BUG: an intent that was journalled cannot be applied: " + err.Error())
	}
	l.follow(before, after)
	l.tell(intent, before, after, said)
	return true
}

// dispatch hands a reserved operation to a worker. The caller has seen that
// one is free.
func (l *loop) dispatch(id string, request actuator.Request, step plan.Step, now time.Time) bool {
	delete(l.views, id)
	return l.hands.begin(job{kind: jobExecute, incident: id, request: request, limit: step.MaxDuration()}, now)
}

// learn takes in what a worker has to say.
func (l *loop) learn(r result, now time.Time) {
	j, ours := l.hands.settle(r)
	if !ours {
		l.log.Warn("an actuator answered after it was given up", zap.Uint64("call", r.id))
		return
	}
	switch j.kind {
	case jobPreview:
		l.views[j.incident] = view{preview: previewed(r), at: now, step: j.step, attempt: j.attempt}
	case jobExecute:
		l.concluded(j, r, now)
	case jobProbe:
		l.probed(j, r, now)
	case jobGone, jobDial:
		l.checked(j, r, now)
	}
	l.advance(j.incident, now)
}

func previewed(r result) guard.Preview {
	p := guard.Preview{Preview: r.preview}
	if r.err != nil {
		p.Error, p.Text = code(r.err), actuator.Clean(r.err.Error(), maxText)
	}
	return p
}

// concluded notes the outcome of an action.
func (l *loop) concluded(j job, r result, now time.Time) {
	delete(l.asked, j.incident) // the next step need not wait to be previewed
	done := r.done
	if done.Outcome == "" {
		done.Outcome = actuator.Unknown
	}
	ev := incident.Event{
		Kind: incident.KindOutcome, Incident: j.incident, Time: now, Reason: string(done.Outcome),
		Text: actuator.Clean(done.Detail, maxText), Result: &incident.Result{Done: done},
	}
	if r.err != nil {
		ev.Reason, ev.Result.Error = code(r.err), actuator.Clean(r.err.Error(), maxText)
		if ev.Text == "" {
			ev.Text = ev.Result.Error
		}
	}
	l.apply(ev)
}

// overdue deals with calls that did not answer in time.
func (l *loop) overdue(now time.Time) {
	for _, j := range l.hands.overdue(now) {
		l.log.Warn("an actuator does not answer", zap.String("verb", j.request.Verb), zap.String("incident", j.incident))
		late := result{id: j.id, outcome: actuator.Unknown, done: actuator.Result{Outcome: actuator.Unknown}, err: fmt.Errorf("%s did not answer within %s: %w", j.request.Verb, j.limit, context.DeadlineExceeded)}
		switch j.kind {
		case jobPreview:
			l.views[j.incident] = view{preview: previewed(late), at: now, step: j.step, attempt: j.attempt}
		case jobExecute:
			l.concluded(j, late, now)
		case jobProbe:
			l.probed(j, late, now)
		case jobGone, jobDial:
			l.checked(j, late, now)
		}
	}
}

// orphaned deals with an action that nobody is executing: the process ended
// before its outcome was known.
func (l *loop) orphaned(in incident.Incident, now time.Time) bool {
	if l.hands.waits(in.ID, jobExecute) {
		return false
	}
	return l.emit(in, now, orphanOutcome(l.around.boot, in))
}

// orphanOutcome is what is known of such an action: nothing, except that a
// reboot that was ordered has happened when the host has booted since.
func orphanOutcome(boot string, in incident.Incident) incident.Event {
	ev := incident.Event{
		Kind: incident.KindOutcome, Reason: reasonCrashed, Text: "the process ended before the outcome was known",
		Result: &incident.Result{Done: actuator.Result{Outcome: actuator.Unknown}},
	}
	if it := in.Intent; it.Impact == actuator.Host && it.Boot != "" && boot != "" && it.Boot != boot {
		ev.Reason, ev.Text = reasonRebooted, "the host has booted since: it happened"
		ev.Result.Done.Outcome = actuator.Applied
	}
	return ev
}

// clarify finds out what became of an action, or repeats it where that is
// harmless, or else takes it for done.
func (l *loop) clarify(in incident.Incident, now time.Time) bool {
	if l.hands.waits(in.ID, jobProbe) {
		return false
	}
	if l.hands.runs(in.ID, jobExecute) {
		// A call that has not returned may still have its effect: no probe
		// could exclude that.
		return l.assume(in, now, "the call has not returned yet")
	}
	p, planned := l.plan(in)
	if !planned || in.Next >= len(p.Steps) || p.Steps[in.Next].ID != in.Intent.Step {
		return l.assume(in, now, "its plan has changed, so nothing can be asked")
	}
	step := p.Steps[in.Next]
	request := in.Intent.Request
	request.Params = step.Params // as the plan has them: the digest is the same
	switch {
	case in.Intent.Replay == actuator.Probeable:
		// A place may be taken by a hung call; the next turn tries again.
		l.hands.begin(job{kind: jobProbe, incident: in.ID, request: request, limit: glance}, now)
		return false
	case in.Intent.Replay == actuator.Idempotent && in.Repeats == 0:
		return l.repeat(in, p, step, request, now)
	default:
		return l.assume(in, now, "the verb must not be executed again and cannot be asked")
	}
}

// repeat executes an idempotent operation again under its id, if the guards
// say that it may be done now. What is held is not waited for: the effect
// may be there, so that it is looked for instead.
func (l *loop) repeat(in incident.Incident, p plan.Plan, step plan.Step, request actuator.Request, now time.Time) bool {
	input := l.anew(in, p, now)
	switch {
	case !l.informed(now):
		return false // whether the storage is durable has not been told yet
	case input.Facts.Workers < 1:
		return false
	}
	if v := l.again(input); v.Say != guard.Go {
		return l.assume(in, now, "it may be repeated, but not now: "+v.Text)
	}
	if !l.emit(in, now, incident.Event{Kind: incident.KindRepeated, Reason: reasonRepeat, Text: step.Action + " is executed again under the same operation id"}) {
		return l.assume(in, now, "it was repeated already")
	}
	l.flush() // the repetition is on record before it happens
	if !l.journal.Healthy() {
		// After another crash nobody would know of this repetition, and there
		// would be one too many.
		return l.emit(in, now, incident.Event{
			Kind: incident.KindOutcome, Reason: reasonCrashed, Text: "its repetition could not be journalled, so that it was not executed again",
			Result: &incident.Result{Done: actuator.Result{Outcome: actuator.Unknown}},
		})
	}
	return l.dispatch(in.ID, request, step, now)
}

// earned are the guards that were passed when the operation was intended, and
// that it has changed itself: its place in the budgets is taken, and points
// that confirmed it are not remembered.
var earned = []string{"confirmation", "backoff", "attempts", "cool-down", "same-cool-down", "target-budget", "same-budget", "host-budget", "contribution"}

// again asks all other guards about an operation that was intended before.
func (l *loop) again(input guard.Input) guard.Verdict {
	for _, g := range guard.Chain {
		if slices.Contains(earned, g.Name) {
			continue
		}
		if v := g.Ask(input); v.Say != guard.Go {
			v.Guard = g.Name
			return v
		}
	}
	return l.withheld(input)
}

// anew is what the guards judge: the present, but without what the operation
// itself has changed. The actuator compares the incarnation before the effect.
func (l *loop) anew(in incident.Incident, p plan.Plan, now time.Time) guard.Input {
	it := in.Intent
	in.Attempt, in.Consent = it.Attempt-1, it.Consent
	input := l.input(in, p, now)
	input.Ledger = l.ledger.Clone()
	input.Ledger.Entries = slices.DeleteFunc(input.Ledger.Entries, func(e guard.Entry) bool { return e.Operation == it.Request.Operation })
	input.Facts.Preview = &guard.Preview{Preview: actuator.Preview{Identity: it.Request.Identity}}
	return input
}

// patience is how long the Collector may take to tell its configuration.
const patience = 30 * time.Second

func (l *loop) assume(in incident.Incident, now time.Time, why string) bool {
	return l.emit(in, now, incident.Event{Kind: incident.KindAssumed, Reason: reasonUnknown, Text: "it counts as done and is verified: " + why})
}

// probed takes the actuator's word on what became of an operation.
func (l *loop) probed(j job, r result, now time.Time) {
	in, ok := l.book.Get(j.incident)
	if !ok || in.State != incident.Ambiguous {
		return
	}
	if r.err == nil && (r.outcome == actuator.Applied || r.outcome == actuator.NotApplied) {
		l.emit(in, now, incident.Event{
			Kind: incident.KindOutcome, Reason: "probed_" + string(r.outcome), Text: "the actuator was asked afterwards: " + string(r.outcome),
			Result: &incident.Result{Done: actuator.Result{Outcome: r.outcome}},
		})
		return
	}
	l.assume(in, now, "the actuator does not know either")
}

// verify makes the checks of the step and judges.
func (l *loop) verify(in incident.Incident, now time.Time) bool {
	p, planned := l.plan(in)
	if !planned || in.Next >= len(p.Steps) || p.Steps[in.Next].Verify == nil {
		return l.emit(in, now, incident.Event{Kind: incident.KindVerdict, Verdict: incident.Inconclusive, Reason: reasonPlanChanged, Text: "its plan has changed, so nobody knows what would be proof"})
	}
	step := p.Steps[in.Next]
	verdict, why := step.Verify.Judge(in, now)
	if verdict != "" {
		return l.emit(in, now, incident.Event{Kind: incident.KindVerdict, Verdict: verdict, Reason: "verification_" + string(verdict), Text: why})
	}
	if step.Verify.Gone {
		request := in.Intent.Request
		request.Operation, request.Identity, request.Params = "", nil, step.Params
		l.check(in, job{kind: jobGone, incident: in.ID, request: request, limit: glance}, step.Verify, now)
	}
	if step.Verify.TCP != "" {
		l.check(in, job{kind: jobDial, incident: in.ID, address: step.Verify.TCP, limit: glance}, step.Verify, now)
	}
	return false
}

// check begins a look at the target when the last one is long enough ago.
func (l *loop) check(in incident.Incident, j job, v *plan.Verify, now time.Time) {
	if at, ok := l.asked[j.key()]; ok && !at.Before(in.Floor) && now.Sub(at) < v.CheckEvery() {
		return
	}
	if l.hands.begin(j, now) {
		l.asked[j.key()] = now
	}
}

// checked notes what a look at the target saw.
func (l *loop) checked(j job, r result, now time.Time) {
	in, ok := l.book.Get(j.incident)
	if !ok || in.State != incident.Verifying {
		return
	}
	c := incident.Check{Name: plan.CheckProbe, Seen: incident.Passed, Time: now}
	switch {
	case j.kind == jobDial && r.err != nil:
		c.Seen, c.Text = incident.Failed, actuator.Clean(r.err.Error(), maxText)
	case j.kind == jobGone:
		c = gone(in, r, now)
	}
	l.emit(in, now, incident.Event{Kind: incident.KindCheck, Check: &c})
}

// gone says whether the incarnation that was acted on exists no more. An
// actuator that cannot tell is no proof of either.
func gone(in incident.Incident, r result, now time.Time) incident.Check {
	c := incident.Check{Name: plan.CheckGone, Seen: incident.Inconclusive, Time: now}
	switch {
	case errors.Is(r.err, actuator.ErrNotFound):
		c.Seen = incident.Passed
	case r.err != nil:
		c.Text = actuator.Clean(r.err.Error(), maxText)
	case len(r.preview.Identity) == 0:
		c.Text = "the actuator names no incarnation"
	case r.preview.Identity.Equal(in.Intent.Request.Identity):
		c.Seen = incident.Failed
	default:
		c.Seen = incident.Passed
	}
	return c
}
