// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/journal"
	"github.com/homeostat/homeostat/internal/operate"
)

var _ operate.Desk = (*engine)(nil)

var errNotRunning = errors.New("the engine is not running")

// Status implements operate.Desk.
func (e *engine) Status() operate.Status {
	s := operate.Status{
		Mode: e.cfg.Mode, Effective: e.cfg.Mode, Incidents: map[string]int{}, Started: e.started,
		Plans: make([]string, 0, len(e.plans)), Actuators: make([]string, 0, len(e.cfg.Actuators)),
	}
	for _, p := range e.plans {
		s.Plans = append(s.Plans, p.ID)
	}
	for _, id := range e.cfg.Actuators {
		s.Actuators = append(s.Actuators, id.String())
	}
	if standing := e.standing.Load(); standing != nil {
		s.Effective, s.Why, s.Stopped = standing.mode.String(), cmp.Or(standing.why, standing.fresh), standing.stopped != ""
	}
	for _, in := range e.book.List() {
		s.Incidents[string(in.State)]++
	}
	return s
}

// Incidents implements operate.Desk.
func (e *engine) Incidents() []operate.Incident {
	list := e.book.List()
	out := make([]operate.Incident, 0, len(list))
	for _, in := range list {
		out = append(out, shown(in))
	}
	return out
}

// Incident implements operate.Desk.
func (e *engine) Incident(id string) (operate.Incident, error) {
	in, ok := e.book.Get(id)
	if !ok {
		return operate.Incident{}, fmt.Errorf("%w: %s", operate.ErrNotFound, actuator.Clean(id, 64))
	}
	out := shown(in)
	for _, line := range in.History {
		out.History = append(out.History, operate.Entry{Time: line.Time, Name: string(line.Kind), Text: line.Text})
	}
	return out, nil
}

// shown is an incident as people see it.
func shown(in incident.Incident) operate.Incident {
	out := operate.Incident{
		ID: in.ID, State: string(in.State), Fault: in.Fault, Severity: string(in.Severity), Target: actuator.Clean(in.Target.String(), maxText),
		Plan: in.PlanID, Step: in.StepID(), Reason: in.Text, Opened: in.Opened, Updated: in.Updated,
	}
	if q := in.Question; q != nil && in.State == incident.AwaitingApproval {
		out.Question = &operate.Question{Digest: q.Digest, Action: q.Action, Preview: append([]string(nil), q.Preview...), Expires: q.Expires}
	}
	return out
}

// Answer implements operate.Desk. The answer is on disk before it counts.
func (e *engine) Answer(ctx context.Context, answer operate.Answer) error {
	return e.command(ctx, func(now time.Time) error { return e.loop.answer(answer, now) }) //nolint:contextcheck // a call of an actuator ends with the engine, not with this
}

// SetStop implements operate.Desk. A thrown switch counts at once, and errs
// when it could not be made durable; a release counts only when it is.
func (e *engine) SetStop(ctx context.Context, stop operate.Stop) error {
	return e.command(ctx, func(now time.Time) error { return e.loop.setStop(stop, now) }) //nolint:contextcheck // a call of an actuator ends with the engine, not with this
}

// command has the loop do something and waits for it.
func (e *engine) command(ctx context.Context, do func(now time.Time) error) error {
	c := command{do: do, reply: make(chan error, 1)}
	select {
	case e.commands <- c:
	case <-e.ended:
		return errNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *loop) answer(answer operate.Answer, now time.Time) error {
	in, ok := l.book.Get(answer.Incident)
	switch {
	case !ok:
		return fmt.Errorf("%w: %s", operate.ErrNotFound, actuator.Clean(answer.Incident, 64))
	case in.State != incident.AwaitingApproval || in.Question == nil || !now.Before(in.Question.Expires):
		return operate.ErrTooLate
	case answer.Digest != in.Question.Digest:
		return operate.ErrDigest
	}
	said := incident.Answer{
		Digest: answer.Digest, Approve: answer.Approve,
		By: actuator.Clean(answer.By, maxText), Comment: actuator.Clean(answer.Comment, maxText),
	}
	ev := incident.Event{Kind: incident.KindAnswered, Incident: in.ID, Time: now, Answer: &said, Reason: "approved", Text: "approved by " + said.By}
	if !said.Approve {
		ev.Reason, ev.Text = "approval_denied", "denied by "+said.By
	}
	if said.Comment != "" {
		ev.Text += ": " + said.Comment
	}
	if !l.reserve(ev) {
		return errors.New("the answer could not be journalled, so it does not count: answer again when the journal can be written")
	}
	l.advance(in.ID, now)
	return nil
}

func (l *loop) setStop(stop operate.Stop, now time.Time) error {
	before := l.control
	l.control.Stopped, l.control.At = stop.On, now
	l.control.By, l.control.Comment = actuator.Clean(stop.By, maxText), actuator.Clean(stop.Comment, maxText)
	name, text := recordStopThrown, "the stop switch was thrown by "
	if !stop.On {
		name, text = recordStopRelease, "the stop switch was released by "
		l.control.Damage, l.control.DamageAt, l.control.Began = "", time.Time{}, time.Time{}
	}
	l.journal.SetControl(l.control)
	err := l.journal.Flush(l.ctx)
	if err != nil && !stop.On {
		// The journal is unhealthy now, so that its next write is a snapshot
		// with this state, and nothing is executed before that has succeeded.
		l.control = before
		if errors.Is(err, journal.ErrLate) {
			return fmt.Errorf("%w: whether the stop switch is released is unknown: its release was not journalled in time, it is thrown again as soon as the journal can be written, and a restart before that may find it released: look again (%w)", context.DeadlineExceeded, err)
		}
		return fmt.Errorf("the stop switch stays thrown, because its release could not be journalled: %w", err)
	}
	l.note(now, name, audit.Warn, text+l.control.By, map[string]any{attrApprover: l.control.By})
	l.stand(now)
	if !stop.On {
		l.advanceAll(now)
	}
	if err != nil {
		return fmt.Errorf("nothing is executed any more, but that could not be journalled and will not survive a restart: %w", err)
	}
	return nil
}
