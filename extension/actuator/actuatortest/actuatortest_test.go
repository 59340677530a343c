// SPDX-License-Identifier: Apache-2.0

package actuatortest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

// lamp is a target in memory. It outlives the actuators that act on it.
type lamp struct {
	incarnation, level, flashes int
	by                          string // operation that flashed it last
}

func (l *lamp) identity() actuator.Identity {
	return actuator.Identity{"incarnation": strconv.Itoa(l.incarnation), "flashes": strconv.Itoa(l.flashes)}
}

// lamps is an actuator that does everything as the contract asks, but for the
// flaw it is told to have.
type lamps struct {
	all  map[string]*lamp
	flaw string
}

func (a *lamps) has(flaw string) bool { return a.flaw == flaw }

func (a *lamps) find(req actuator.Request) (*lamp, error) {
	l, ok := a.all[req.Target.Attr["lamp"]]
	if !ok {
		return nil, fmt.Errorf("%w: no such lamp", actuator.ErrNotFound)
	}
	return l, nil
}

// held compares the identity, as every effect must.
func (a *lamps) held(ctx context.Context, req actuator.Request) (*lamp, error) {
	l, err := a.find(req)
	if err == nil && !a.has("takes any identity") && !l.identity().Equal(req.Identity) {
		err = fmt.Errorf("%w: another lamp", actuator.ErrIdentityChanged)
	}
	if deadline, _ := ctx.Deadline(); err == nil && a.has("hangs") && time.Until(deadline) < time.Second {
		<-time.After(promptly + time.Second)
	}
	return l, err
}

func (a *lamps) plan(_ context.Context, req actuator.Request) (actuator.Preview, error) {
	l, err := a.find(req)
	if err != nil {
		return actuator.Preview{}, err
	}
	if a.has("acts in Plan") {
		l.level++
	}
	p := actuator.Preview{
		Identity: l.identity(), Target: "lamp", Effects: []string{"changes the lamp"}, Contribution: actuator.NoContribution,
		Before: map[string]string{"level": strconv.Itoa(l.level)},
	}
	switch a.flaw {
	case "speaks in escapes":
		p.Target = "\x1b[31mlamp"
	case "hides what it would do":
		p.Effects = nil
	case "has no identity":
		p.Identity = nil
	}
	return p, nil
}

func (a *lamps) verbs() []actuator.Verb {
	look := actuator.Verb{
		Spec: actuator.Spec{Verb: "lamp.look", Summary: "Looks.", TargetKind: "lamp", Impact: actuator.Observe, Replay: actuator.Idempotent},
		Plan: a.plan,
		Execute: func(ctx context.Context, req actuator.Request) (actuator.Result, error) {
			l, err := a.held(ctx, req)
			if err != nil {
				return actuator.Result{Outcome: actuator.Refused}, err
			}
			if a.has("changes while it observes") {
				l.level++
			}
			return actuator.Result{Outcome: actuator.Applied, Detail: "looked", Facts: map[string]string{"level": strconv.Itoa(l.level)}}, nil
		},
	}
	dim := actuator.Verb{
		Spec: actuator.Spec{
			Verb: "lamp.dim", Summary: "Dims.", TargetKind: "lamp", Impact: actuator.Adjust, Replay: actuator.Idempotent, Reversible: true,
			Params: []actuator.Param{{Name: "level", Summary: "how bright", Type: actuator.Int, Default: int64(3), Min: 0, Max: 9}},
		},
		Plan: a.plan,
		Execute: func(ctx context.Context, req actuator.Request) (actuator.Result, error) {
			l, err := a.held(ctx, req)
			if err != nil {
				return actuator.Result{Outcome: actuator.Refused}, err
			}
			before := l.level
			l.level = int(req.Params["level"].(int64))
			if a.has("is not idempotent") {
				l.level = before + 1
			}
			return actuator.Result{
				Outcome: actuator.Applied, Detail: "dimmed",
				Before: map[string]string{"level": strconv.Itoa(before)}, After: map[string]string{"level": strconv.Itoa(l.level)},
			}, nil
		},
		Undo: func(ctx context.Context, req actuator.Request, done actuator.Result) (actuator.Result, error) {
			l, err := a.held(ctx, req)
			if err == nil && !a.has("undoes what others did") && strconv.Itoa(l.level) != done.After["level"] {
				err = fmt.Errorf("%w: the level is %d", actuator.ErrForeignChange, l.level)
			}
			if err != nil {
				return actuator.Result{Outcome: actuator.Refused}, err
			}
			if !a.has("does not undo") {
				l.level, _ = strconv.Atoi(done.Before["level"])
			}
			return actuator.Result{Outcome: actuator.Applied}, nil
		},
	}
	flash := actuator.Verb{
		Spec: actuator.Spec{Verb: "lamp.flash", Summary: "Flashes.", TargetKind: "lamp", Impact: actuator.Restart, Replay: actuator.Probeable},
		Plan: a.plan,
		Execute: func(ctx context.Context, req actuator.Request) (actuator.Result, error) {
			l, err := a.held(ctx, req)
			if again := a.has("acts again after a restart") && l != nil && l.by == req.Operation; err != nil && !again {
				return actuator.Result{Outcome: actuator.Refused}, err
			}
			if !a.has("claims what it did not do") {
				l.flashes++
				l.by = req.Operation
			}
			return actuator.Result{Outcome: actuator.Applied, Detail: "flashed"}, nil
		},
		Probe: func(_ context.Context, req actuator.Request) (actuator.Outcome, error) {
			l, err := a.find(req)
			if err != nil {
				return actuator.Unknown, err
			}
			if l.by == req.Operation || a.has("probes with hope") {
				return actuator.Applied, nil
			}
			return actuator.NotApplied, nil
		},
	}
	verbs := []actuator.Verb{look, dim, flash}
	switch a.flaw {
	case "has a verb of another kind":
		verbs[0].Spec.Verb = "torch.look"
	case "has an unbounded parameter":
		verbs[1].Spec.Params = []actuator.Param{{Name: "level", Summary: "how bright", Type: actuator.Int, Default: int64(3)}}
	case "adjusts for good":
		verbs[1].Spec.Reversible, verbs[1].Undo = false, nil
	}
	return verbs
}

// sloppy passes on what a Set would refuse.
type sloppy struct{ *actuator.Set }

func (s sloppy) Execute(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	clean := req
	clean.Params = maps.Clone(req.Params)
	delete(clean.Params, "no_such_parameter")
	return s.Set.Execute(ctx, clean)
}

func harness(flaw string) Harness {
	a := &lamps{all: map[string]*lamp{}, flaw: flaw}
	setup := func(t *testing.T) Subject {
		name := fmt.Sprintf("%s-%d", t.Name(), len(a.all))
		l := &lamp{level: 1}
		a.all[name] = l
		return Subject{
			Target:    actuator.Target{Kind: "lamp", Key: "room/lamp", Attr: map[string]string{"lamp": name}},
			State:     func() string { return fmt.Sprintf("%+v", *l) },
			Replace:   func() { l.incarnation++ },
			Interfere: func() { l.level = 7 },
		}
	}
	return Harness{
		Prefix: "lamp",
		New: func(*testing.T) actuator.Actuator {
			set := actuator.NewSet(a.verbs()...)
			if flaw == "takes any parameter" {
				return sloppy{set}
			}
			return set
		},
		Cases: []Case{
			{Name: "look", Verb: "lamp.look", Setup: setup},
			{Name: "dim", Verb: "lamp.dim", Setup: setup},
			{Name: "flash", Verb: "lamp.flash", Setup: setup},
		},
	}
}

func TestSoundActuatorPasses(t *testing.T) { Run(t, harness("")) }

// Each flaw, and the words in which the suite says so.
var flaws = map[string]string{
	"acts in Plan":               "Plan changed something",
	"speaks in escapes":          "is not printable",
	"hides what it would do":     "say what would be done",
	"has no identity":            "a target needs an identity",
	"takes any identity":         "another incarnation",
	"takes any parameter":        "unknown parameter",
	"hangs":                      "the call outlived its context",
	"changes while it observes":  "a verb that observes changed something",
	"is not idempotent":          "the same operation acted twice",
	"undoes what others did":     "a second Undo",
	"does not undo":              "Undo must restore what was",
	"acts again after a restart": "the same operation acted again after a restart",
	"claims what it did not do":  "the effect cannot be seen",
	"probes with hope":           "nothing was done yet",
	"has a verb of another kind": "must begin with the kind of the actuator",
	"has an unbounded parameter": "must be bounded",
	"adjusts for good":           "so it must be reversible",
}

const flawMark = "ACTUATORTEST_FLAW"

// TestFlawedActuator is what the test below runs.
func TestFlawedActuator(t *testing.T) {
	if flaw := os.Getenv(flawMark); flaw != "" {
		Run(t, harness(flaw))
	}
}

func TestEachFlawIsFound(t *testing.T) {
	for flaw, words := range flaws {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFlawedActuator$", "-test.timeout=2m")
			cmd.Env = append(os.Environ(), flawMark+"="+flaw)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite passed an actuator that %s", flaw)
			require.Contains(t, string(out), words)
		})
	}
}
