// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/series"
)

func TestAFaultIsRepairedOnceAndProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		var down fault
		r.fake.onAct = down.heal
		r.pass(30*time.Second, down.state)

		in := r.only()
		require.Equal(t, incident.Cooldown, in.State, "%+v", in.History)
		require.Equal(t, []string{"fake.start"}, r.fake.acts())
		require.Equal(t, []string{
			"remediation.engine.started", "remediation.incident.opened", "remediation.incident.confirmed", "remediation.plan.selected",
			"remediation.action.intended", "remediation.action.executed", // look
			"remediation.action.intended", "remediation.action.executed", // start
			"remediation.verify.started", "remediation.verify.result", "remediation.incident.resolved", "remediation.incident.cooldown",
		}, r.said())
		var intended []time.Time
		for _, record := range r.heard {
			if record.Name == "remediation.action.intended" {
				intended = append(intended, record.Time)
			}
		}
		require.Equal(t, intended[0], intended[1], "no step waits for a tick")
		resolved := r.record("remediation.incident.resolved")
		require.Equal(t, in.ID, resolved.Incident)
		require.Equal(t, "start", resolved.Attributes["remediation.step"])
		require.Equal(t, "fake.start", resolved.Attributes["remediation.action"])
		require.Equal(t, "service:host1/web", resolved.Attributes["remediation.target"])
		require.InDelta(t, 15, resolved.Attributes["remediation.time_to_verify"], 2)
		require.Equal(t, map[string]int{"cooldown": 1}, r.Status().Incidents)
		require.False(t, r.WatchesAny(), "nobody listens any more")
		r.stop()
	})
}

func TestObserveChangesNothingAndSaysWhatItWouldHaveDone(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"engine": func(cfg *Config) { cfg.Mode = "observe" },
		"plan":   func(cfg *Config) { cfg.Plans[0]["mode"] = "observe" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, downPlan, change).start()
				r.pass(120*time.Second, always(finding.Firing))
				require.Empty(t, r.fake.acts())
				require.Len(t, r.fake.executed, 1, "explain only looks")
				require.Equal(t, incident.Gated, r.only().State)
				would := r.record("remediation.action.would_execute")
				require.Equal(t, "would have executed fake.start on the service", would.Body)
				require.Equal(t, "restart", would.Attributes["remediation.impact"])
				r.see("web", finding.Resolved, nil)
				require.Equal(t, incident.ResolvedExternally, r.only().State)
				r.stop()
			})
		})
	}
}

func TestUnfixableTakesExactlyTheAllowedAttemptsThenAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		r.pass(5*time.Minute, always(finding.Firing))
		require.Equal(t, []string{"fake.start", "fake.start"}, r.fake.acts())
		require.Equal(t, incident.Escalated, r.only().State)
		require.Equal(t, reasonExhausted, r.only().Reason)
		ops := map[string]bool{}
		for _, req := range r.fake.executed {
			ops[req.Operation] = true
		}
		require.Len(t, ops, 3, "every operation has an id of its own")
		require.True(t, r.WatchesAny(), "the engine keeps watching")
		r.see("web", finding.Resolved, nil)
		require.Equal(t, incident.ResolvedExternally, r.only().State)
		r.stop()
	})
}

func TestIncidentBudgetBoundsAllSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) { cfg.Limits.ActionsPerIncident = 1 }).start()
		r.pass(5*time.Minute, always(finding.Firing))
		require.Equal(t, []string{"fake.start"}, r.fake.acts())
		require.Equal(t, "incident_budget_spent", r.only().Reason)
		require.Equal(t, "attempts", r.record("remediation.guard.refused").Attributes["remediation.guard"])
		r.stop()
	})
}

func TestStaleEvidenceHasNoEffect(t *testing.T) {
	for name, change := range map[string]func(*finding.Finding){
		"old":             func(f *finding.Finding) { f.Time = f.Time.Add(-2 * time.Hour) },
		"received late":   func(f *finding.Finding) { f.Received = f.Received.Add(-31 * time.Second) },
		"from the future": func(f *finding.Finding) { f.Time = f.Time.Add(time.Minute) },
		"another host":    func(f *finding.Finding) { f.Resource = map[string]string{actuator.AttrHostID: "other"} },
		"another name":    func(f *finding.Finding) { f.Resource = map[string]string{actuator.AttrHost: "other"} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, downPlan, nil).start()
				for range 20 {
					time.Sleep(time.Second)
					r.see("web", finding.Firing, change)
				}
				require.Empty(t, r.fake.executed)
				r.stop()
			})
		})
	}
}

func TestTwoHoursOfAQueueReplayedHaveNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		began := time.Now()
		for i := range 1440 {
			r.see("web", finding.Firing, func(f *finding.Finding) {
				f.Time = began.Add(-2*time.Hour + time.Duration(i)*5*time.Second - time.Minute)
			})
		}
		require.Empty(t, r.fake.executed)
		r.stop()
	})
}

func TestOwnSuccessIsNotTheNextTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		var down fault
		r.fake.onAct = down.heal
		r.pass(30*time.Second, down.state)
		require.Equal(t, incident.Cooldown, r.only().State)
		acted := r.only().Acted
		r.see("late", finding.Firing, func(f *finding.Finding) { f.Time = acted })
		r.see("late", finding.Firing, func(f *finding.Finding) { f.Time = acted.Add(time.Second) })
		require.Equal(t, "evidence_before_action", r.book.List()[0].Reason)
		require.Len(t, r.fake.acts(), 1)
		r.stop()
	})
}

func TestCooldownGrowsWithEachIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) { cfg.Retention = time.Hour }).start()
		var down fault
		r.fake.onAct = down.heal
		var gaps []time.Duration
		last := time.Time{}
		for len(gaps) < 4 {
			before := len(r.fake.acts())
			down.recur()
			began := time.Now()
			for len(r.fake.acts()) == before && time.Since(began) < 30*time.Hour {
				r.pass(10*time.Second, down.state)
			}
			if !last.IsZero() {
				gaps = append(gaps, time.Since(last).Round(time.Minute))
			}
			last = time.Now()
			r.pass(30*time.Second, down.state)
			require.Equal(t, incident.Cooldown, r.book.List()[0].State)
		}
		require.Equal(t, []time.Duration{10 * time.Minute, 30 * time.Minute, 90 * time.Minute, 270 * time.Minute}, gaps)
		// The sixth on this target within a day is one too many.
		down.recur()
		r.pass(7*time.Hour, down.state)
		require.Len(t, r.fake.acts(), 5)
		require.Equal(t, "target_budget_spent", r.book.List()[0].Reason)
		r.stop()
	})
}

func TestMissingDataIsInconclusiveAndEscalated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		for len(r.fake.acts()) == 0 {
			r.pass(time.Second, always(finding.Firing))
		}
		r.pass(7*time.Second, always(finding.Normal)) // two points are newer than the settling time
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, incident.Escalated, r.only().State)
		require.Equal(t, incident.Inconclusive, r.only().Verdict)
		require.Len(t, r.fake.acts(), 1)
		r.stop()
	})
}

func TestAnAbsenceRuleProvesPresenceByItsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		silence := func(f *finding.Finding) { f.Kind = finding.Silence }
		for len(r.fake.acts()) == 0 {
			time.Sleep(5 * time.Second)
			r.see("web", finding.Firing, silence)
		}
		time.Sleep(2 * time.Second)
		r.see("web", finding.Resolved, silence) // and nothing more is said
		for range 20 {
			time.Sleep(time.Second)
			require.Equal(t, !r.only().State.Closed(), r.WatchesAny(), "a batch comes")
		}
		synctest.Wait()
		require.Equal(t, incident.Cooldown, r.only().State)
		require.Contains(t, r.record("remediation.incident.opened").Body, "web is missing, says rule web-down")
		r.stop()
	})
}

func TestTheSilenceOfADeadPipelineProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		silence := func(f *finding.Finding) { f.Kind = finding.Silence }
		for len(r.fake.acts()) == 0 {
			time.Sleep(5 * time.Second)
			r.see("web", finding.Firing, silence)
		}
		time.Sleep(2 * time.Second)
		r.see("web", finding.Resolved, silence)
		for range 10 { // settling takes five seconds, and the hold ten
			time.Sleep(time.Second)
			require.True(t, r.WatchesAny())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, incident.Escalated, r.only().State)
		require.Equal(t, incident.Inconclusive, r.only().Verdict)
		r.stop()
	})
}

const gonePlan = `
id: runaway
match: ['fault="service_down"']
target: {kind: service, name: web}
mode: auto
steps:
  - id: kill
    action: fake.kill
    reason: it is a test
    settle: 0s
    verify: {gone: true, hold: 5s, deadline: 20s}
`

func TestGoneIsProvenByTheActuator(t *testing.T) {
	for name, c := range map[string]struct {
		after func(*fake)
		want  incident.State
	}{
		"not found":           {func(f *fake) { f.planErr = actuator.ErrNotFound }, incident.Cooldown},
		"another incarnation": {func(f *fake) { f.identity = actuator.Identity{"pid": "8"} }, incident.Cooldown},
		"still there":         {func(*fake) {}, incident.Escalated},
		"nobody can tell":     {func(f *fake) { f.planErr = errors.New("no answer") }, incident.Escalated},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, gonePlan, nil).start()
				r.fake.onAct = func() { r.fake.set(c.after) }
				r.see("web", finding.Firing, nil)
				time.Sleep(30 * time.Second)
				synctest.Wait()
				require.Equal(t, c.want, r.only().State, "%+v", r.only().History)
				require.Len(t, r.fake.acts(), 1)
				r.stop()
			})
		})
	}
}

func TestEvidenceThatClearsBeforeTheActionEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		r.see("web", finding.Firing, nil)
		time.Sleep(time.Second)
		r.see("web", finding.Resolved, nil)
		require.Equal(t, incident.Forgotten, r.only().State, "never confirmed")
		r.stop()
	})
}

func TestANamedFaultWithoutAPlanGoesToAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		r.see("x", finding.Firing, func(f *finding.Finding) { f.Fault, f.Rules = "", nil })
		require.Empty(t, r.book.List(), "statistics without a plan are counted only")
		r.see("web", finding.Firing, func(f *finding.Finding) { f.Fault = "meteor" })
		require.Equal(t, reasonNoPlan, r.only().Reason)
		time.Sleep(16 * time.Minute)
		synctest.Wait()
		require.Equal(t, incident.Forgotten, r.only().State, "nothing was heard for forget_after")
		r.stop()
	})
}

func TestWarmUpHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) { cfg.Limits.WarmUp = 2 * time.Minute }).start()
		r.pass(110*time.Second, always(finding.Firing))
		require.Empty(t, r.fake.acts())
		require.Equal(t, "warm_up", r.only().Reason)
		held := 0
		for _, name := range r.said() {
			if name == "remediation.guard.held" {
				held++
			}
		}
		require.Equal(t, 1, held, "a decision is told once, not at each tick")
		r.pass(20*time.Second, always(finding.Firing))
		require.Len(t, r.fake.acts(), 1)
		r.stop()
	})
}

func TestStatisticsAloneDoNotRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		for range 10 {
			time.Sleep(time.Second)
			r.see("web", finding.Firing, func(f *finding.Finding) { f.Rules = nil })
		}
		require.Empty(t, r.fake.acts())
		require.Equal(t, "statistics_only", r.only().Reason)
		r.stop()
	})
}

func TestProtectedAndBlockedTargetsAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, gonePlan, nil).start()
		r.fake.blockers = []actuator.Blocker{{Code: "owner_busy", Text: "systemd is on it"}}
		r.pass(20*time.Second, always(finding.Firing))
		require.Equal(t, "owner_busy", r.only().Reason)
		r.fake.set(func(f *fake) { f.blockers, f.planErr = nil, fmt.Errorf("%w: pid 1", actuator.ErrProtected) })
		r.pass(20*time.Second, always(finding.Firing))
		require.Equal(t, incident.Escalated, r.only().State)
		require.Equal(t, "target_protected", r.only().Reason)
		require.Empty(t, r.fake.acts())
		r.stop()
	})
}

func TestStopFileAndPolicyFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stop, policy := filepath.Join(dir, "stop"), filepath.Join(dir, "policy.yaml")
		require.NoError(t, os.WriteFile(stop, nil, 0o600))
		require.NoError(t, os.WriteFile(policy, []byte("restart: observe\n"), 0o600))
		r := newRig(t, downPlan, func(cfg *Config) { cfg.StopFile, cfg.PolicyFile = stop, policy }).start()
		r.pass(10*time.Second, always(finding.Firing))
		require.Equal(t, "stopped", r.only().Reason)
		require.True(t, r.Status().Stopped)
		require.NoError(t, os.Remove(stop))
		r.pass(10*time.Second, always(finding.Firing))
		if os.Geteuid() == 0 {
			require.Equal(t, "policy", r.only().Reason)
		}
		require.NoError(t, os.WriteFile(policy, []byte("restart: auto\nnonsense: auto\n"), 0o600))
		r.pass(10*time.Second, always(finding.Firing))
		require.Equal(t, "observe", r.Status().Effective)
		require.Equal(t, "mode_forced", r.only().Reason)
		require.Empty(t, r.fake.acts())
		require.NotEmpty(t, r.status(), "the component status tells it")
		require.NoError(t, os.WriteFile(policy, []byte("restart: auto\n"), 0o666))
		require.NoError(t, os.Chmod(policy, 0o666)) // everybody may write
		r.pass(5*time.Second, always(finding.Firing))
		require.Empty(t, r.fake.acts())
		require.Contains(t, r.Status().Why, "nobody else can write")
		r.stop()
	})
}

func TestWithoutFsyncOnlyLightVerbsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tune := strings.NewReplacer("fake.start", "fake.tune").Replace(downPlan)
		for plan, want := range map[string]int{downPlan: 0, tune: 1} {
			r := newRig(t, plan, nil)
			r.fsync = false
			r.start()
			r.pass(10*time.Second, always(finding.Firing))
			require.Len(t, r.fake.acts(), want)
			if want == 0 {
				require.Equal(t, "storage_not_durable", r.only().Reason)
			}
			r.stop()
		}
	})
}

func TestOneActionInFlightATarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil)
		change := r.change
		r.change = func(cfg *Config) {
			change(cfg)
			other := map[string]any{}
			maps.Copy(other, cfg.Plans[0])
			other["id"], other["match"] = "slow", []any{`fault="slow"`}
			cfg.Plans = append(cfg.Plans, other)
		}
		r.start()
		for range 12 {
			time.Sleep(time.Second)
			r.see("web", finding.Firing, nil)
			r.see("slow", finding.Firing, func(f *finding.Finding) { f.Fault = "slow" })
		}
		require.Len(t, r.fake.acts(), 1)
		reasons := map[string]bool{}
		for _, in := range r.book.List() {
			reasons[in.Reason] = true
		}
		require.True(t, reasons["target_in_flight"] || reasons["evidence_before_action"], "%v", reasons)
		r.stop()
	})
}

func TestHostBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) {
			cfg.Limits.ActionsPerHostHour = 2
			base := cfg.Plans[0]
			cfg.Plans = nil
			for i := range 4 {
				p := map[string]any{}
				maps.Copy(p, base)
				p["id"], p["match"] = fmt.Sprintf("p%d", i), []any{fmt.Sprintf(`fault="f%d"`, i)}
				p["target"] = map[string]any{"kind": "service", "name": fmt.Sprintf("s%d", i)}
				cfg.Plans = append(cfg.Plans, p)
			}
		}).start()
		for range 10 {
			time.Sleep(time.Second)
			for i := range 4 {
				r.see(fmt.Sprintf("%c", 'a'+i), finding.Firing, func(f *finding.Finding) { f.Fault = fmt.Sprintf("f%d", i) })
			}
		}
		require.Len(t, r.fake.acts(), 2)
		r.stop()
	})
}

func TestHostileNamesAreData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		for i, hostile := range []string{"$(reboot)", "a;rm -rf /.service", "\x1b[2J\nnewline", strings.Repeat("x", 1<<20), "\xff\xfe\x00"} {
			r.see(string(rune('a'+i)), finding.Firing, func(f *finding.Finding) {
				f.Fault, f.Rules, f.Metric, f.ID = hostile, []string{hostile}, hostile, hostile
				f.Resource = map[string]string{actuator.AttrPID: hostile, actuator.AttrExecutable: hostile, actuator.AttrHost: "host1"}
			})
		}
		require.NotEmpty(t, r.book.List())
		for _, in := range r.Incidents() {
			require.LessOrEqual(t, len(in.Fault), 64)
			require.NotContains(t, in.Fault+in.Target+in.Reason, "\n")
			require.NotContains(t, in.Fault+in.Target+in.Reason, "\x1b")
		}
		require.Empty(t, r.fake.executed)
		r.stop()
	})
}

func TestTheQueueIsBoundedAndKeepsBreaches(t *testing.T) {
	q := newIntake(16)
	var many []finding.Finding
	for i := range 40 {
		many = append(many, finding.Finding{Series: series.Key{Lo: uint64(i + 1)}, State: finding.Firing})
	}
	taken, merged, refused := q.offer(many)
	require.Equal(t, []int{16, 0, 24}, []int{taken, merged, refused})
	require.Len(t, q.take(), 16)

	one := series.Key{Lo: 1}
	for range perSeries {
		q.offer([]finding.Finding{{Series: one, State: finding.Normal}})
	}
	q.offer([]finding.Finding{{Series: one, State: finding.Firing}, {Series: one, State: finding.Normal}})
	got := q.take()
	require.Len(t, got, perSeries)
	require.Equal(t, finding.Firing, got[perSeries-1].State, "a breach does not vanish behind an ordinary point")
}
