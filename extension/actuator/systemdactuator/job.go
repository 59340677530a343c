// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/homeostat/homeostat/extension/actuator"
)

// jobVerb is a verb that asks systemd for a job on a unit and waits for it.
type jobVerb struct {
	spec  actuator.Spec
	words string // what it does, for people
	// enqueue asks for the job; its result arrives on done.
	enqueue func(ctx context.Context, conn *dbus.Conn, name string, done chan<- string) (int, error)
	// blocker says why this verb has nothing to do on the unit, beyond what
	// holds for all of them.
	blocker func(u unit) *actuator.Blocker
}

// mode "fail" never cancels a job that somebody else has queued.
const mode = "fail"

var jobVerbs = []jobVerb{
	{
		spec: specStart, words: "starts",
		enqueue: func(ctx context.Context, conn *dbus.Conn, name string, done chan<- string) (int, error) {
			return conn.StartUnitContext(ctx, name, mode, done)
		},
		blocker: func(u unit) *actuator.Blocker {
			if u.class() != "running" {
				return u.unusable()
			}
			return &actuator.Blocker{Code: actuator.BlockerNothingToDo, Text: u.String() + " runs already"}
		},
	},
	{
		spec: specRestart, words: "restarts",
		enqueue: func(ctx context.Context, conn *dbus.Conn, name string, done chan<- string) (int, error) {
			return conn.RestartUnitContext(ctx, name, mode, done)
		},
		blocker: unit.unusable,
	},
	{
		spec: specReload, words: "reloads",
		enqueue: func(ctx context.Context, conn *dbus.Conn, name string, done chan<- string) (int, error) {
			return conn.ReloadUnitContext(ctx, name, mode, done)
		},
		blocker: func(u unit) *actuator.Blocker {
			switch {
			case u.class() != "running":
				return &actuator.Blocker{Code: "not_running", Text: u.String() + " does not run"}
			case !u.canReload:
				return &actuator.Blocker{Code: "cannot_reload", Text: u.String() + " has no way to reload"}
			}
			return nil
		},
	},
}

func (e *systemdExtension) job(j jobVerb) actuator.Verb {
	v := actuator.Verb{
		Spec: j.spec,
		Plan: func(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
			return e.plan(ctx, req, j.words, j.blocker)
		},
		Execute: func(ctx context.Context, req actuator.Request) (actuator.Result, error) { return e.runJob(ctx, req, j) },
	}
	if j.spec.Replay == actuator.Probeable {
		v.Probe = e.probeInvocation
	}
	return v
}

// plan previews a verb that changes a unit.
func (e *systemdExtension) plan(ctx context.Context, req actuator.Request, words string, why func(unit) *actuator.Blocker) (actuator.Preview, error) {
	if _, err := unitOf(req.Target); err != nil {
		return actuator.Preview{}, err
	}
	conn, err := e.connect(ctx)
	if err != nil {
		return actuator.Preview{}, err
	}
	defer conn.Close()
	u, err := e.inspect(ctx, conn, req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	if err := e.allowed(u.names, e.own); err != nil {
		return actuator.Preview{}, err
	}
	preview := actuator.Preview{
		Identity: u.identity(), Target: u.String(), Contribution: actuator.NoContribution,
		Effects: []string{words + " " + u.String()},
	}
	for _, blocker := range []*actuator.Blocker{u.busy(), why(u)} {
		if blocker != nil {
			preview.Blockers = append(preview.Blockers, *blocker)
		}
	}
	return preview, nil
}

// asPlanned proves that a unit is still as it was planned for and may be
// touched.
func (e *systemdExtension) asPlanned(ctx context.Context, conn *dbus.Conn, req actuator.Request, why func(unit) *actuator.Blocker) (unit, error) {
	u, err := e.inspect(ctx, conn, req.Target)
	if err != nil {
		return unit{}, err
	}
	if err := e.allowed(u.names, e.own); err != nil {
		return unit{}, err
	}
	if busy := u.busy(); busy != nil && u.invocation == req.Identity[idInvocation] {
		return unit{}, fmt.Errorf("%w: %s", actuator.ErrBusy, busy.Text)
	}
	if !u.identity().Equal(req.Identity) {
		return unit{}, fmt.Errorf("%w: %s, invocation %s", actuator.ErrIdentityChanged, u, u.invocation)
	}
	if blocker := why(u); blocker != nil {
		return unit{}, fmt.Errorf("%w: %s", actuator.ErrBlocked, blocker.Text)
	}
	return u, nil
}

func (e *systemdExtension) runJob(ctx context.Context, req actuator.Request, j jobVerb) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	if _, err := unitOf(req.Target); err != nil {
		return refused, err
	}
	conn, err := e.connect(ctx)
	if err != nil {
		return refused, err
	}
	defer conn.Close()
	// A bus passes the end of a job on only to those who asked for it.
	if err := conn.Subscribe(); err != nil {
		return refused, fmt.Errorf("%w: systemd does not report the end of jobs: %w", actuator.ErrBlocked, cleaned(err))
	}
	u, err := e.asPlanned(ctx, conn, req, j.blocker)
	if err != nil {
		return refused, err
	}
	if err := ctx.Err(); err != nil {
		return refused, err
	}
	done := make(chan string, 1)
	began := time.Now()
	if _, err := j.enqueue(ctx, conn, u.name, done); err != nil {
		if ctx.Err() != nil { // the request may have arrived
			return actuator.Result{Outcome: actuator.Unknown}, err
		}
		return refused, fmt.Errorf("%w: systemd refused the job: %w", actuator.ErrBlocked, cleaned(err))
	}
	timer := time.NewTimer(req.Params[paramTimeout].(time.Duration))
	defer timer.Stop()
	unfinished := actuator.Result{Outcome: actuator.Unknown, Detail: fmt.Sprintf("%s %s: the job is not done yet", j.words, u.name)}
	select {
	case <-ctx.Done():
		return unfinished, ctx.Err()
	case <-timer.C:
		return unfinished, fmt.Errorf("systemd did not finish the job on %s within %s", u.name, req.Params[paramTimeout])
	case result := <-done:
		return e.finished(ctx, conn, req, finishedJob{verb: j, before: u, result: result, took: time.Since(began)})
	}
}

// finishedJob is what systemd says at the end of a job.
type finishedJob struct {
	verb   jobVerb
	before unit
	result string // done, failed, canceled, timeout, dependency, skipped
	took   time.Duration
}

// finished reads the unit again: a job that is done says little about a unit
// that ends right after its start.
func (e *systemdExtension) finished(ctx context.Context, conn *dbus.Conn, req actuator.Request, f finishedJob) (actuator.Result, error) {
	now, err := e.inspect(ctx, conn, req.Target)
	if err != nil {
		return actuator.Result{Outcome: actuator.Unknown}, err
	}
	result := actuator.Result{
		Outcome: outcomeOf(f, now),
		Detail:  fmt.Sprintf("%s %s: job %s after %s, now %s", f.verb.words, now.name, actuator.Clean(f.result, 20), f.took.Round(time.Millisecond), now),
		Facts:   now.facts(),
	}
	result.Facts["job"] = actuator.Clean(f.result, 20)
	if f.result != "done" {
		return result, fmt.Errorf("the job of systemd on %s ended as %s; the unit is %s, result %s",
			now.name, actuator.Clean(f.result, 20), now, result.Facts["result"])
	}
	return result, nil
}

// outcomeOf tells whether a job left a trace. A start that systemd refuses,
// because of the start limit or a condition, begins no invocation.
func outcomeOf(f finishedJob, now unit) actuator.Outcome {
	switch {
	case f.result == "done" && f.verb.spec.Verb == verbReload:
		return actuator.Applied
	case now.invocation != f.before.invocation:
		return actuator.Applied
	case now.class() != f.before.class() || f.verb.spec.Verb == verbReload:
		return actuator.Unknown
	case f.result == "done" && now.class() == "running":
		return actuator.Applied // a target has no invocations of its own
	}
	return actuator.NotApplied
}

// probeInvocation tells whether the unit was started since it was planned for.
func (e *systemdExtension) probeInvocation(ctx context.Context, req actuator.Request) (actuator.Outcome, error) {
	if _, err := unitOf(req.Target); err != nil {
		return actuator.Unknown, err
	}
	conn, err := e.connect(ctx)
	if err != nil {
		return actuator.Unknown, err
	}
	defer conn.Close()
	u, err := e.inspect(ctx, conn, req.Target)
	if err != nil {
		return actuator.Unknown, err
	}
	return probed(u, req.Identity), nil
}

func probed(u unit, planned actuator.Identity) actuator.Outcome {
	switch {
	case planned[idUnit] != u.name || planned[idInvocation] == "":
		return actuator.Unknown
	case planned[idBoot] != u.boot: // whatever runs now was started by the boot
		return actuator.Unknown
	case planned[idInvocation] != u.invocation:
		return actuator.Applied
	case u.job != 0 || u.class() != planned[idState]:
		return actuator.Unknown
	}
	return actuator.NotApplied
}
