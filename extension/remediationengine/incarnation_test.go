// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

// killPlan ends the process that the evidence is about.
const killPlan = `
id: runaway
match: ['fault="service_down"']
target: {kind: process, from: evidence}
confirm: {points: 4 of 5}
mode: auto
steps:
  - {id: kill, action: fake.kill, reason: it is a test, settle: 5s, verify: {clear: true, hold: 10s, deadline: 60s}}
`

// newProcessRig is a rig whose fake acts on processes.
func newProcessRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := newRig(t, killPlan, change)
	r.fake.kind = actuator.KindProcess
	return r
}

// process makes a finding be about a python3 of app.
func process(pid int, start time.Time) func(*finding.Finding) {
	return func(f *finding.Finding) {
		f.Resource[actuator.AttrPID] = strconv.Itoa(pid)
		f.Resource[actuator.AttrExecutable], f.Resource[actuator.AttrOwner] = "python3", "app"
		f.Start = start
	}
}

func TestAProcessIsNotKilledOnTheEvidenceOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newProcessRig(t, nil).start()
		began := time.Now().Add(-time.Hour)
		r.see("a", finding.Firing, process(100, began))
		r.see("bb", finding.Firing, process(200, began))
		for range 8 {
			time.Sleep(time.Second)
			r.see("a", finding.Normal, process(100, began))
			r.see("bb", finding.Firing, process(200, began))
		}
		require.Equal(t, []string{"fake.kill"}, r.fake.acts())
		require.Equal(t, "200", r.fake.executed[0].Target.Attr[actuator.AttrPID])
		states := map[string]incident.State{}
		for _, in := range r.book.List() {
			states[in.Target.Attr[actuator.AttrPID]] = in.State
		}
		require.Equal(t, incident.Forgotten, states["100"], "it was ordinary again before it was confirmed")
		r.stop()
	})
}

func TestARestartedProcessIsRepairedFromTheSameBudget(t *testing.T) {
	for name, c := range map[string]struct {
		pid    int
		series string
	}{"another pid": {200, "bb"}, "the pid is used again": {100, "a"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newProcessRig(t, func(cfg *Config) { cfg.Limits.ActionsPerTargetDay, cfg.Limits.Cooldown.Initial = 1, time.Minute }).start()
				first := time.Now().Add(-time.Hour)
				for range 6 {
					time.Sleep(time.Second)
					r.see("a", finding.Firing, process(100, first))
				}
				require.Len(t, r.fake.acts(), 1)
				second := time.Now().Add(time.Millisecond)
				for range 3 * 60 {
					time.Sleep(time.Second)
					r.see(c.series, finding.Firing, process(c.pid, second))
				}
				list := r.book.List()
				require.Len(t, list, 2)
				require.Equal(t, list[0].Target.Key, list[1].Target.Key)
				require.Equal(t, second.UnixNano(), mustInt(t, list[0].Target.Attr[actuator.AttrStart]))
				require.Equal(t, "target_budget_spent", list[0].Reason, "%+v", list[0].History)
				require.Equal(t, incident.Inconclusive, list[1].Verdict, "the successor says nothing about the process that was acted on")
				require.Len(t, r.fake.acts(), 1)
				r.stop()
			})
		})
	}
}

func mustInt(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

func TestOneProcessHasOneIncidentHoweverItsStartIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newProcessRig(t, func(cfg *Config) { cfg.Mode = "observe" }).start()
		began := time.Now().Add(-time.Hour)
		r.see("a", finding.Firing, process(100, began))
		for i, start := range []time.Time{began, began.Add(10 * time.Millisecond), {}, time.Now().Add(time.Hour), time.Now()} {
			r.see("bb", finding.Firing, process(100, start))
			require.Len(t, r.book.List(), 1, i)
		}
		r.stop()
	})
}

func TestAProgramThatBreedsProcessesDoesNotFillTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newProcessRig(t, func(cfg *Config) { cfg.Mode = "observe" }).start()
		for i := range 100 {
			r.see("a", finding.Firing, process(100+i, time.Time{}))
		}
		require.Len(t, r.book.List(), maxSiblings)
		r.see("a", finding.Firing, func(f *finding.Finding) {
			process(1000, time.Time{})(f)
			f.Resource[actuator.AttrExecutable] = "java"
		})
		require.Len(t, r.book.List(), maxSiblings+1)
		r.stop()
	})
}

func TestAFaultWithoutPlanSinglesOutNoProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newProcessRig(t, nil).start()
		for i := range 5 {
			r.see("a", finding.Firing, func(f *finding.Finding) {
				process(100+i, time.Time{})(f)
				f.Fault = "nobody_planned_for_it"
			})
		}
		require.Equal(t, reasonNoPlan, r.only().Reason)
		r.stop()
	})
}
