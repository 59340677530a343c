// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/operate"
)

// crashed is an engine that died while it executed the verb, and the one that
// follows it. The effect took place before the crash.
func crashed(t *testing.T, verb string, change func(*rig)) (died, next *rig) {
	t.Helper()
	died = newRig(t, strings.ReplaceAll(downPlan, "fake.start", verb), nil)
	died.start()
	hang := make(chan struct{})
	died.t.Cleanup(func() { close(hang) })
	died.fake.set(func(f *fake) { f.onAct = func() { <-hang } })
	died.pass(4*time.Second, always(finding.Firing))
	require.Equal(t, incident.Executing, died.only().State)
	next = died.crash()
	if change != nil {
		change(next)
	}
	return died, next.start()
}

func TestACrashNeverRepeatsWhatMustNotBeRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		verb   string
		change func(*rig)
		state  finding.State // what the next engine sees
		acts   int           // of the next engine, within five minutes
		want   incident.State
		repeat bool // under the same operation id
	}{
		"never, and it helped":          {verb: "fake.reload", state: finding.Normal, want: incident.Cooldown},
		"never, and it did not help":    {verb: "fake.reload", state: finding.Firing, want: incident.Escalated},
		"probeable, and it was applied": {verb: "fake.start", change: func(r *rig) { r.fake.outcome = actuator.Applied }, state: finding.Normal, want: incident.Cooldown},
		"probeable, and it was not":     {verb: "fake.start", change: func(r *rig) { r.fake.outcome = actuator.NotApplied }, state: finding.Firing, acts: 1, want: incident.Escalated},
		"probeable, and nobody knows":   {verb: "fake.start", state: finding.Firing, want: incident.Escalated},
		"idempotent":                    {verb: "fake.tune", state: finding.Firing, acts: 2, want: incident.Escalated, repeat: true},
		"idempotent without authority":  {verb: "fake.tune", change: func(r *rig) { was := r.change; r.change = func(cfg *Config) { was(cfg); cfg.Mode = "observe" } }, state: finding.Firing, want: incident.Escalated},
		"a plan that has changed in between": {verb: "fake.tune", change: func(r *rig) {
			was := r.change
			r.change = func(cfg *Config) { was(cfg); cfg.Plans[0]["confirm"] = nil; delete(cfg.Plans[0], "confirm") }
		}, state: finding.Firing, want: incident.Escalated},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				died, next := crashed(t, c.verb, c.change)
				next.pass(5*time.Minute, always(c.state))
				require.Equal(t, c.want, next.book.List()[len(next.book.List())-1].State, "%+v", next.only().History)
				require.Len(t, next.fake.acts(), c.acts)
				if c.repeat {
					ops := func(f *fake) string { return f.executed[len(f.executed)-1].Operation }
					require.Equal(t, ops(died.fake), next.fake.executed[0].Operation)
				}
				next.stop()
			})
		})
	}
}

func TestACrashWhileVerifyingGoesOnVerifying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		for len(r.fake.acts()) == 0 {
			r.pass(time.Second, always(finding.Firing))
		}
		next := r.crash().start()
		require.Equal(t, incident.Settling, next.only().State)
		require.True(t, next.WatchesAny(), "the series of the evidence are remembered")
		next.pass(30*time.Second, always(finding.Normal))
		require.Equal(t, incident.Cooldown, next.only().State)
		require.Empty(t, next.fake.executed)
		next.stop()

		third := next.crash().start()
		third.pass(5*time.Minute, always(finding.Firing))
		require.Empty(t, third.fake.acts(), "the cool-down is remembered")
		third.stop()
		r.stop()
	})
}

func TestARebootThatWasOrderedAndHappenedIsNotRepeated(t *testing.T) {
	in := incident.Incident{Intent: &incident.Intent{Impact: actuator.Host, Boot: "first"}}
	require.Equal(t, actuator.Applied, orphanOutcome("second", in).Result.Done.Outcome)
	require.Equal(t, actuator.Unknown, orphanOutcome("first", in).Result.Done.Outcome)
	require.Equal(t, actuator.Unknown, orphanOutcome("", in).Result.Done.Outcome)
	in.Intent.Impact = actuator.Restart
	require.Equal(t, actuator.Unknown, orphanOutcome("second", in).Result.Done.Outcome)
}

func TestADamagedJournalDropsToObserveUntilAPersonSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		var down fault
		r.fake.onAct = down.heal
		r.pass(30*time.Second, down.state)
		r.stop()
		damage(t, r.dir, "budget")

		next := r.crash().start()
		require.Equal(t, "observe", next.Status().Effective)
		require.Equal(t, "auto", next.Status().Mode)
		require.Contains(t, next.Status().Why, "budget has a wrong checksum")
		require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, next.status())
		next.pass(time.Minute, always(finding.Firing))
		require.Empty(t, next.fake.acts())
		next.record("remediation.action.would_execute")
		require.Equal(t, "observe", next.crash().start().Status().Effective, "a restart forgives nothing")

		require.NoError(t, next.SetStop(t.Context(), operate.Stop{By: "ann"}))
		require.Equal(t, "auto", next.Status().Effective)
		next.pass(10*time.Second, always(finding.Firing))
		require.Len(t, next.fake.acts(), 1)
		next.stop()
	})
}

// damage flips a bit in the journal's record under a key.
func damage(t *testing.T, dir, key string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*journal*"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	db, err := bbolt.Open(names[0], 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("default"))
		value := append([]byte(nil), bucket.Get([]byte(key))...)
		require.NotEmpty(t, value)
		value[len(value)/2] ^= 1
		return bucket.Put([]byte(key), value)
	}))
	require.NoError(t, db.Close())
}

func TestAHungActuatorBlocksNeitherLoopNorShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) { cfg.Workers = 2 })
		hang := make(chan struct{})
		r.fake.onAct = func() { <-hang }
		r.start()
		r.pass(3*time.Minute, always(finding.Firing))
		require.Len(t, r.fake.acts(), 1, "an effect may still come, so that nothing else is tried")
		require.Equal(t, incident.Escalated, r.only().State, "%+v", r.only().History)
		require.True(t, r.only().Doubt)
		require.Zero(t, r.fake.probes, "a probe could not exclude an effect that is still to come")
		began := time.Now()
		require.ErrorContains(t, r.Shutdown(t.Context()), "do not end")
		require.Less(t, time.Since(began), 10*time.Second)
		close(hang)
	})
}

func TestAPanickingActuatorIsAnUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil)
		r.fake.onAct = func() { panic("oops") }
		r.start()
		r.pass(3*time.Minute, always(finding.Firing))
		require.Len(t, r.fake.acts(), 1)
		require.Equal(t, incident.Escalated, r.only().State)
		r.record("remediation.action.unknown")
		r.stop()
	})
}

// faulty is a storage client whose writes can be made to fail or hang.
type faulty struct {
	storage.Client
	broken atomic.Bool
	hang   chan struct{}
	hangs  atomic.Bool
}

func (f *faulty) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if f.hangs.Load() {
		<-f.hang
	}
	if f.broken.Load() {
		return errors.New("no space left on device")
	}
	return f.Client.Batch(ctx, ops...)
}

func TestAJournalThatCannotBeWrittenWithholdsActionsUntilItCan(t *testing.T) {
	for name, set := range map[string]func(*faulty, bool){
		"failing": func(f *faulty, bad bool) { f.broken.Store(bad) },
		"hanging": func(f *faulty, bad bool) {
			f.hangs.Store(bad)
			if !bad {
				close(f.hang)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := &faulty{hang: make(chan struct{})}
				r := newRig(t, downPlan, nil)
				r.wrap = func(c storage.Client) storage.Client { bad.Client = c; return bad }
				r.start()
				set(bad, true)
				r.pass(30*time.Second, always(finding.Firing))
				require.Empty(t, r.fake.executed)
				require.Equal(t, "observe", r.Status().Effective)
				require.Contains(t, r.Status().Why, "journal")
				require.Contains(t, r.status(), componentstatus.StatusRecoverableError)
				set(bad, false)
				r.pass(10*time.Second, always(finding.Firing))
				require.Len(t, r.fake.acts(), 1)
				require.Equal(t, "auto", r.Status().Effective)
				require.Equal(t, componentstatus.StatusOK, r.status()[len(r.status())-1])
				next := r.crash().start()
				require.Equal(t, "auto", next.Status().Effective, "%s", next.Status().Why)
				require.Equal(t, r.only().ID, next.only().ID)
				next.stop()
				r.stop()
			})
		})
	}
}

func TestADiskThatHangsForEverDoesNotKeepShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &faulty{hang: make(chan struct{})}
		r := newRig(t, downPlan, nil)
		r.wrap = func(c storage.Client) storage.Client { bad.Client = c; return bad }
		r.start()
		bad.hangs.Store(true)
		r.see("web", finding.Firing, nil)
		began := time.Now()
		_ = r.Shutdown(t.Context())
		require.Less(t, time.Since(began), 10*time.Second)
		close(bad.hang)
	})
}
