// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counter is a verb whose only effect is a count.
type counter struct {
	calls  int
	result Result
	err    error
}

func (c *counter) verb(spec Spec) Verb {
	v := Verb{
		Spec: spec,
		Plan: func(context.Context, Request) (Preview, error) { return Preview{Target: "it"}, nil },
		Execute: func(context.Context, Request) (Result, error) {
			c.calls++
			return c.result, c.err
		},
	}
	if spec.Replay == Probeable {
		v.Probe = func(context.Context, Request) (Outcome, error) { return Applied, nil }
	}
	if spec.Reversible {
		v.Undo = func(context.Context, Request, Result) (Result, error) { return Result{Outcome: Applied}, nil }
	}
	return v
}

func request(operation string) Request {
	return Request{Operation: operation, Verb: "x.do", Target: Target{Kind: "thing"}}
}

var spec = Spec{Verb: "x.do", TargetKind: "thing"}

func TestSetExecutesAnOperationOnce(t *testing.T) {
	c := &counter{result: Result{Outcome: Applied, Detail: "first"}}
	set := NewSet(c.verb(spec))
	for range 3 {
		result, err := set.Execute(t.Context(), request("a"))
		require.NoError(t, err)
		require.Equal(t, "first", result.Detail)
	}
	require.Equal(t, 1, c.calls)
	_, err := set.Execute(t.Context(), request("b"))
	require.NoError(t, err)
	require.Equal(t, 2, c.calls, "another operation is another act")
}

func TestSetRepeatsIdempotentVerbs(t *testing.T) {
	c := &counter{result: Result{Outcome: Applied}}
	idempotent := spec
	idempotent.Replay = Idempotent
	set := NewSet(c.verb(idempotent))
	for range 3 {
		_, err := set.Execute(t.Context(), request("a"))
		require.NoError(t, err)
	}
	require.Equal(t, 3, c.calls)
}

func TestSetTriesAgainWhatTouchedNothing(t *testing.T) {
	for _, outcome := range []Outcome{Refused, NotApplied} {
		c := &counter{result: Result{Outcome: outcome}, err: ErrBusy}
		set := NewSet(c.verb(spec))
		for range 2 {
			_, err := set.Execute(t.Context(), request("a"))
			require.ErrorIs(t, err, ErrBusy)
		}
		require.Equal(t, 2, c.calls, "%s", outcome)
	}
}

func TestSetReadsNoOutcomeAsUnknown(t *testing.T) {
	c := &counter{err: errors.New("cut off")}
	set := NewSet(c.verb(spec))
	for range 2 {
		result, err := set.Execute(t.Context(), request("a"))
		require.EqualError(t, err, "cut off")
		require.Equal(t, Unknown, result.Outcome)
	}
	require.Equal(t, 1, c.calls, "what may have happened is not done again")
}

func TestSetRefusesARepetitionUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		set := NewSet(Verb{
			Spec: spec,
			Plan: func(context.Context, Request) (Preview, error) { return Preview{}, nil },
			Execute: func(context.Context, Request) (Result, error) {
				<-release
				return Result{Outcome: Applied}, nil
			},
		})
		first := make(chan Result)
		go func() {
			result, _ := set.Execute(t.Context(), request("a"))
			first <- result
		}()
		synctest.Wait()
		result, err := set.Execute(t.Context(), request("a"))
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, Refused, result.Outcome)
		close(release)
		require.Equal(t, Applied, (<-first).Outcome)
	})
}

func TestSetForgetsTheOldest(t *testing.T) {
	c := &counter{result: Result{Outcome: Applied}}
	set := NewSet(c.verb(spec))
	for i := range 3 * remembered {
		_, err := set.Execute(t.Context(), request(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	require.Len(t, set.done, remembered)
	require.Len(t, set.order, remembered)
	_, err := set.Execute(t.Context(), request(fmt.Sprint(3*remembered-1)))
	require.NoError(t, err)
	require.Equal(t, 3*remembered, c.calls, "the newest is remembered")
}

func TestSetLimitsTime(t *testing.T) {
	tests := []struct{ declared, want time.Duration }{{0, 30 * time.Second}, {time.Minute, time.Minute}}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			limited := spec
			limited.MaxDuration = tt.declared
			set := NewSet(Verb{
				Spec: limited,
				Plan: func(context.Context, Request) (Preview, error) { return Preview{}, nil },
				Execute: func(ctx context.Context, _ Request) (Result, error) {
					<-ctx.Done()
					return Result{}, ctx.Err()
				},
			})
			start := time.Now()
			result, err := set.Execute(t.Context(), request("a"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, Unknown, result.Outcome)
			require.Equal(t, tt.want, time.Since(start))
		})
	}
}

func TestSetRefuses(t *testing.T) {
	c := &counter{result: Result{Outcome: Applied}}
	set := NewSet(c.verb(spec))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		bend func(*Request)
		want error
		text string
	}{
		{"verb", t.Context(), func(r *Request) { r.Verb = "x.\n" }, ErrUnknownVerb, `unknown verb: "x.\n"`},
		{"kind", t.Context(), func(r *Request) { r.Target.Kind = "\x1b" }, ErrParams, `x.do acts on a target of kind thing, not "\x1b"`},
		{"parameter", t.Context(), func(r *Request) { r.Params = Params{"a": 1} }, ErrParams, "has no parameter"},
		{"operation", t.Context(), func(r *Request) { r.Operation = "" }, ErrParams, "x.do needs an operation id"},
		{"cancelled", cancelled, func(*Request) {}, context.Canceled, "canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := request("a")
			tt.bend(&req)
			result, err := set.Execute(tt.ctx, req)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.text)
			require.Equal(t, Refused, result.Outcome)
			if tt.name == "operation" {
				return
			}
			_, err = set.Plan(tt.ctx, req)
			require.ErrorIs(t, err, tt.want)
			outcome, err := set.Probe(tt.ctx, req)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, Unknown, outcome)
			result, err = set.Undo(tt.ctx, req, Result{})
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, Refused, result.Outcome)
		})
	}
	require.Zero(t, c.calls)
}

func TestSetKnowsWhatAVerbCannotDo(t *testing.T) {
	plain := NewSet((&counter{}).verb(spec))
	outcome, err := plain.Probe(t.Context(), request("a"))
	require.NoError(t, err)
	require.Equal(t, Unknown, outcome)
	result, err := plain.Undo(t.Context(), request("a"), Result{})
	require.ErrorIs(t, err, ErrIrreversible)
	require.Equal(t, Refused, result.Outcome)

	able := NewSet((&counter{}).verb(Spec{Verb: "x.do", TargetKind: "thing", Replay: Probeable, Reversible: true}))
	outcome, err = able.Probe(t.Context(), request("a"))
	require.NoError(t, err)
	require.Equal(t, Applied, outcome)
	result, err = able.Undo(t.Context(), request("a"), Result{})
	require.NoError(t, err)
	require.Equal(t, Applied, result.Outcome)
	require.Equal(t, "x.do", able.Specs()[0].Verb)
}

func TestNewSetPanicsOnMistakes(t *testing.T) {
	good := (&counter{}).verb(spec)
	noPlan, noExecute, noProbe, noUndo := good, good, good, good
	noPlan.Plan = nil
	noExecute.Execute = nil
	noProbe.Spec.Replay = Probeable
	noUndo.Spec.Reversible = true
	for name, verbs := range map[string][]Verb{
		"twice": {good, good}, "no plan": {noPlan}, "no execute": {noExecute}, "no probe": {noProbe}, "no undo": {noUndo},
	} {
		require.Panics(t, func() { NewSet(verbs...) }, name)
	}
}
