// SPDX-License-Identifier: Apache-2.0

package actuatortest

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

const (
	operation = "actuatortest-1"
	// promptly is how soon a call returns once its context has ended.
	promptly = 5 * time.Second
	// mostEvidence bounds what one result may carry into the journal.
	mostEvidence = 128 << 10
)

// specOf returns the spec of the verb under test.
func specOf(t *testing.T, a actuator.Actuator, verb string) actuator.Spec {
	t.Helper()
	for _, spec := range a.Specs() {
		if spec.Verb == verb {
			return spec
		}
	}
	require.FailNow(t, "no such verb", verb)
	return actuator.Spec{}
}

func (s Subject) request(verb string) actuator.Request {
	return actuator.Request{Operation: operation, Verb: verb, Target: s.Target, Params: s.Params}
}

// plan returns a request that carries the identity of the target as it is.
func plan(t *testing.T, a actuator.Actuator, verb string, s Subject) actuator.Request {
	t.Helper()
	req := s.request(verb)
	preview, err := a.Plan(t.Context(), req)
	require.NoError(t, err)
	require.Empty(t, preview.Blockers, "the harness must make a target on which the verb works")
	req.Identity = preview.Identity
	return req
}

func planOnlyLooks(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	before := s.State()
	preview, err := a.Plan(t.Context(), s.request(c.Verb))
	require.NoError(t, err)
	require.NotEmpty(t, preview.Identity, "a target needs an identity")
	require.NotEmpty(t, preview.Target, "a target needs a name for people")
	require.NotEmpty(t, preview.Effects, "say what would be done")
	requireReadable(t, append(preview.Effects, preview.Target)...)
	if preview.Contribution != actuator.NoContribution {
		require.GreaterOrEqual(t, preview.Contribution, 0.0)
		require.LessOrEqual(t, preview.Contribution, 1.0)
	}
	again, err := a.Plan(t.Context(), s.request(c.Verb))
	require.NoError(t, err)
	require.True(t, preview.Identity.Equal(again.Identity), "the identity of an unchanged target must not change: %v, %v", preview.Identity, again.Identity)
	require.Equal(t, before, s.State(), "Plan changed something")
}

func refusesUndeclared(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	before := s.State()
	good := plan(t, a, c.Verb, s)
	tests := []struct {
		name string
		bend func(req *actuator.Request)
		want error
	}{
		{"verb", func(req *actuator.Request) { req.Verb = h.Prefix + ".no_such_verb" }, actuator.ErrUnknownVerb},
		{"empty verb", func(req *actuator.Request) { req.Verb = "" }, actuator.ErrUnknownVerb},
		{"parameter", func(req *actuator.Request) {
			req.Params = maps.Clone(req.Params)
			if req.Params == nil {
				req.Params = actuator.Params{}
			}
			req.Params["no_such_parameter"] = "x"
		}, actuator.ErrParams},
		{"target kind", func(req *actuator.Request) { req.Target.Kind = "no_such_kind" }, actuator.ErrParams},
		{"selector", func(req *actuator.Request) { req.Target.Attr = nil }, nil},
	}
	for _, tt := range tests {
		req := good
		tt.bend(&req)
		result, err := a.Execute(t.Context(), req)
		requireRefused(t, result, err, tt.want, "unknown "+tt.name)
		req.Operation, req.Identity = "", nil
		_, err = a.Plan(t.Context(), req)
		require.Error(t, err, "Plan must refuse an unknown %s", tt.name)
		if tt.want != nil {
			require.ErrorIs(t, err, tt.want)
		}
		requireReadable(t, err.Error())
	}
	require.Equal(t, before, s.State(), "a refused request changed something")
}

func returnsWhenCancelled(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	before := s.State()
	req := plan(t, a, c.Verb, s)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	inTime(t, func() {
		_, err := a.Plan(gone, s.request(c.Verb))
		require.Error(t, err, "Plan")
		result, err := a.Execute(gone, req)
		require.Error(t, err, "Execute")
		require.Contains(t, []actuator.Outcome{actuator.Refused, actuator.NotApplied}, result.Outcome)
	})
	require.Equal(t, before, s.State(), "a cancelled request changed something")

	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	inTime(t, func() {
		result, _ := a.Execute(soon, req)
		if result.Outcome == actuator.Refused || result.Outcome == actuator.NotApplied {
			require.Equal(t, before, s.State(), "something changed, but the outcome is %s", result.Outcome)
		}
	})
}

// inTime runs f, which ends because its context does.
func inTime(t *testing.T, f func()) {
	t.Helper()
	start := time.Now()
	f()
	require.Less(t, time.Since(start), promptly, "the call outlived its context")
}

func refusesChangedIdentity(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	before := s.State()
	req := plan(t, a, c.Verb, s)
	for key := range req.Identity {
		forged := req
		forged.Identity = maps.Clone(req.Identity)
		forged.Identity[key] += "1"
		result, err := a.Execute(t.Context(), forged)
		requireRefused(t, result, err, actuator.ErrIdentityChanged, "another "+key)
	}
	nobody := req
	nobody.Identity = nil
	result, err := a.Execute(t.Context(), nobody)
	requireRefused(t, result, err, actuator.ErrIdentityChanged, "no identity")
	require.Equal(t, before, s.State(), "a refused request changed something")

	if s.Replace == nil {
		return
	}
	s.Replace()
	before = s.State()
	result, err = a.Execute(t.Context(), req)
	requireRefused(t, result, err, actuator.ErrIdentityChanged, "another incarnation")
	require.Equal(t, before, s.State(), "the new incarnation was touched")
}

func actsOnce(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	spec := specOf(t, a, c.Verb)
	before := s.State()
	req := plan(t, a, c.Verb, s)
	result, err := a.Execute(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, result.Outcome)
	require.NotEmpty(t, result.Detail, "say what was done")
	requireReadable(t, result.Detail)
	requireEvidence(t, result)
	after := s.State()
	if spec.Impact == actuator.Observe {
		require.Equal(t, before, after, "a verb that observes changed something")
		require.NotEmpty(t, result.Facts, "a verb that observes must tell something")
	} else {
		require.NotEqual(t, before, after, "the effect cannot be seen")
	}

	result, err = a.Execute(t.Context(), req)
	requireSane(t, result, err)
	require.Equal(t, after, s.State(), "the same operation acted twice")
	if spec.Replay == actuator.Never {
		return
	}
	result, err = h.New(t).Execute(t.Context(), req)
	requireSane(t, result, err)
	require.Equal(t, after, s.State(), "the same operation acted again after a restart")
}

func probesTruly(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	spec := specOf(t, a, c.Verb)
	req := plan(t, a, c.Verb, s)

	// The collector died before the effect.
	early, err := h.New(t).Probe(t.Context(), req)
	if spec.Replay != actuator.Probeable {
		require.Equal(t, actuator.Unknown, early, "a verb that is %s cannot be probed", spec.Replay)
		return
	}
	require.NoError(t, err)
	require.Contains(t, []actuator.Outcome{actuator.NotApplied, actuator.Unknown}, early, "nothing was done yet")

	// It died after the effect, before it could write down the outcome.
	_, err = a.Execute(t.Context(), req)
	require.NoError(t, err)
	after := s.State()
	late, err := h.New(t).Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, late, "it was done")
	require.Equal(t, after, s.State(), "Probe changed something")
}

func undoesItsOwn(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	if !specOf(t, a, c.Verb).Reversible {
		req := plan(t, a, c.Verb, s)
		done, err := a.Execute(t.Context(), req)
		require.NoError(t, err)
		after := s.State()
		result, err := a.Undo(t.Context(), req, done)
		requireRefused(t, result, err, actuator.ErrIrreversible, "a verb that is not reversible")
		require.Equal(t, after, s.State(), "a refused Undo changed something")
		return
	}
	require.NotNil(t, s.Interfere, "a reversible verb needs Interfere in the harness")
	before := s.State()
	preview, err := a.Plan(t.Context(), s.request(c.Verb))
	require.NoError(t, err)
	req := plan(t, a, c.Verb, s)
	done, err := a.Execute(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, preview.Before, done.Before, "Plan must tell what Execute will change, so that a lost result can be undone")
	require.NotEqual(t, before, s.State())
	result, err := h.New(t).Undo(t.Context(), req, done)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, result.Outcome)
	require.Equal(t, before, s.State(), "Undo must restore what was")
	result, err = a.Undo(t.Context(), req, done)
	requireRefused(t, result, err, actuator.ErrForeignChange, "a second Undo")

	again := c.Setup(t)
	req = plan(t, a, c.Verb, again)
	req.Operation += "-foreign"
	done, err = a.Execute(t.Context(), req)
	require.NoError(t, err)
	again.Interfere()
	foreign := again.State()
	result, err = a.Undo(t.Context(), req, done)
	requireRefused(t, result, err, actuator.ErrForeignChange, "a foreign change")
	require.Equal(t, foreign, again.State(), "somebody else's change was taken back")
}

func requireRefused(t *testing.T, result actuator.Result, err, want error, what string) {
	t.Helper()
	require.Error(t, err, what)
	require.Equal(t, actuator.Refused, result.Outcome, "%s: %v", what, err)
	if want != nil {
		require.ErrorIs(t, err, want, what)
	}
	requireReadable(t, err.Error())
}

// requireSane accepts any answer that does not contradict itself.
func requireSane(t testing.TB, result actuator.Result, err error) {
	t.Helper()
	switch result.Outcome {
	case actuator.Applied, actuator.Unknown:
	case actuator.NotApplied, actuator.Refused:
		require.Error(t, err, "an outcome of %s needs a reason", result.Outcome)
	default:
		require.Failf(t, "no such outcome", "%q", result.Outcome)
	}
	if err != nil {
		requireReadable(t, err.Error())
	}
}

func requireEvidence(t *testing.T, result actuator.Result) {
	t.Helper()
	size := 0
	for key, value := range result.Facts {
		require.True(t, utf8.ValidString(value), "fact %s is not valid text", key)
		size += len(key) + len(value)
		for line := range strings.SplitSeq(value, "\n") {
			requireReadable(t, line)
		}
	}
	require.LessOrEqual(t, size, mostEvidence, "the facts are not bounded")
}

// requireReadable demands one line of text without terminal escapes: what an
// actuator says ends up in logs, consoles and web pages.
func requireReadable(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.True(t, utf8.ValidString(text), "%q is not valid text", text)
		require.Negative(t, strings.IndexFunc(text, func(r rune) bool {
			return !unicode.IsPrint(r) && r != ' '
		}), "%q is not printable", text)
	}
}

// refusal reports whether err is one of the contract's reasons or the end of
// a context.
func refusal(err error) bool {
	for _, known := range []error{
		actuator.ErrNotFound, actuator.ErrAmbiguous, actuator.ErrIdentityChanged, actuator.ErrProtected, actuator.ErrBusy, actuator.ErrBlocked,
		actuator.ErrForeignChange,
		actuator.ErrParams, actuator.ErrUnknownVerb, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
