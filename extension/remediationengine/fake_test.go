// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
)

// fake is an actuator whose target is a number of steps: it records what it
// was asked, and answers as the test says.
type fake struct {
	component.StartFunc
	component.ShutdownFunc

	mu       sync.Mutex // guards everything below
	executed []actuator.Request
	kind     string // of the targets that it acts on
	identity actuator.Identity
	result   actuator.Result
	err      error
	planErr  error
	effects  []string
	planned  int // previews that were asked for
	blockers []actuator.Blocker
	share    float64
	outcome  actuator.Outcome // of Probe
	probes   int
	hang     chan struct{} // Execute waits for it, whatever ctx says
	onAct    func()
}

func newFake() *fake {
	return &fake{kind: actuator.KindService, effects: []string{"it starts"}, identity: actuator.Identity{"pid": "7"}, result: actuator.Result{Outcome: actuator.Applied, Detail: "done"}, outcome: actuator.Unknown, share: -1}
}

func (f *fake) Specs() []actuator.Spec {
	spec := func(verb string, impact actuator.Impact, replay actuator.Replay) actuator.Spec {
		return actuator.Spec{Verb: verb, TargetKind: f.kind, Impact: impact, Replay: replay, MaxDuration: 10 * time.Second}
	}
	nice := actuator.Param{Name: "nice", Type: actuator.Int, Default: int64(5), Max: 19}
	tune := spec("fake.tune", actuator.Adjust, actuator.Idempotent)
	tune.Params = []actuator.Param{nice}
	return []actuator.Spec{
		spec("fake.explain", actuator.Observe, actuator.Idempotent), tune,
		spec("fake.start", actuator.Restart, actuator.Probeable), spec("fake.reload", actuator.Restart, actuator.Never),
		spec("fake.kill", actuator.Destroy, actuator.Never), spec("fake.reboot", actuator.Host, actuator.Never),
	}
}

func (f *fake) Plan(_ context.Context, req actuator.Request) (actuator.Preview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned++
	if f.planErr != nil {
		return actuator.Preview{}, f.planErr
	}
	identity := maps.Clone(f.identity)
	if name := req.Target.Attr[actuator.AttrService]; name != "" && identity != nil {
		identity["service"] = name
	}
	return actuator.Preview{Identity: identity, Target: "the service", Effects: f.effects, Blockers: f.blockers, Contribution: f.share}, nil
}

func (f *fake) Execute(_ context.Context, req actuator.Request) (actuator.Result, error) {
	f.mu.Lock()
	f.executed = append(f.executed, req)
	result, err, hang, onAct := f.result, f.err, f.hang, f.onAct
	f.mu.Unlock()
	if onAct != nil && req.Verb != "fake.explain" {
		onAct()
	}
	if hang != nil {
		<-hang
	}
	return result, err
}

func (f *fake) Probe(context.Context, actuator.Request) (actuator.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probes++
	return f.outcome, nil
}

func (f *fake) Undo(context.Context, actuator.Request, actuator.Result) (actuator.Result, error) {
	return actuator.Result{Outcome: actuator.Refused}, actuator.ErrIrreversible
}

// plans says how many previews were asked for.
func (f *fake) plans() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.planned
}

// acts lists the verbs that were executed, explain left out.
func (f *fake) acts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var verbs []string
	for _, req := range f.executed {
		if req.Verb != "fake.explain" {
			verbs = append(verbs, req.Verb)
		}
	}
	return verbs
}

// fault fires until it is healed.
type fault struct{ healed atomic.Bool }

func (f *fault) heal()  { f.healed.Store(true) }
func (f *fault) recur() { f.healed.Store(false) }

func (f *fault) state() finding.State {
	if f.healed.Load() {
		return finding.Normal
	}
	return finding.Firing
}

// set changes what the fake answers.
func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}
