// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/plan"
	"github.com/homeostat/homeostat/internal/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// granted is an input to which every guard says go.
func granted(t *testing.T) Input {
	t.Helper()
	target := actuator.Target{Kind: actuator.KindService, Key: "host1/web"}
	p := incident.Point{
		Series: series.Key{Lo: 1}, State: finding.Firing, Score: 3, Rules: []string{"r"}, HostName: "host1", HostID: "id1",
		Time: now.Add(-time.Second), Received: now,
	}
	in, err := incident.Incident{}.Step(incident.Open(target, "host1", "service_down", "p", "d", p, now.Add(-time.Minute)), now.Add(-time.Minute))
	require.NoError(t, err)
	in.State = incident.Planned
	step := plan.Step{ID: "start", Action: "x.start", Attempts: 2, Spec: actuator.Spec{Verb: "x.start", Impact: actuator.Restart}}
	in.Plan = incident.Plan{MaxActions: 3, Steps: []incident.Step{{ID: "start", Attempts: 2}}}
	return Input{
		Now: now, Incident: in, Step: step, Ledger: &Ledger{},
		Plan: plan.Plan{ID: "p", Mode: plan.Auto, Confirm: plan.Confirm{K: 1, N: 1}, Steps: []plan.Step{step}},
		Facts: Facts{
			Mode: plan.Auto, Journal: true, Durable: true, Host: plan.Host{Name: "host1", ID: "id1"},
			Started: now.Add(-time.Hour), Booted: now.Add(-time.Hour), Workers: 1,
			Preview: &Preview{Preview: actuator.Preview{Identity: actuator.Identity{"pid": "7"}, Contribution: 0.9}},
		},
		Limits: Limits{
			MaxEvidenceAge: 45 * time.Second, MaxReceiveAge: 30 * time.Second, WarmUp: 2 * time.Minute, BootWarmUp: 10 * time.Minute,
			CooldownInitial: 10 * time.Minute, CooldownFactor: 3, CooldownMax: 6 * time.Hour, ActionsPerTargetDay: 5, ActionsPerHostHour: 6,
		},
	}
}

func entry(ago time.Duration, target, host, id string) Entry {
	return Entry{Time: now.Add(-ago), Quiet: now.Add(-ago), Target: target, Host: host, Incident: id, Operation: id + ago.String()}
}

// known is an entry about a process that the actuator found.
func known(e Entry, pid string) Entry {
	e.Identity = actuator.Identity{"pid": pid}
	return e
}

func TestWhatIsTheSameTarget(t *testing.T) {
	for _, c := range []struct {
		a, b actuator.Identity
		want bool
	}{
		{actuator.Identity{"pid": "7", "boot_id": "b", "start_ticks": "1", "executable": "/bin/x"}, actuator.Identity{"pid": "7", "boot_id": "b", "start_ticks": "1", "executable": "/bin/y"}, true},
		{actuator.Identity{"pid": "7", "boot_id": "b", "start_ticks": "1"}, actuator.Identity{"pid": "7", "boot_id": "b", "start_ticks": "2"}, false},
		{actuator.Identity{"pid": "7", "boot_id": "b", "start_ticks": "1"}, actuator.Identity{"pid": "7", "boot_id": "c", "start_ticks": "1"}, false},
		{actuator.Identity{"unit": "a.service", "invocation_id": "1"}, actuator.Identity{"unit": "a.service", "invocation_id": "2"}, true},
		{actuator.Identity{"unit": "a.service"}, actuator.Identity{"unit": "b.service"}, false},
		{actuator.Identity{"service": "a", "running": "1:1"}, actuator.Identity{"service": "a", "running": "none"}, true},
		{actuator.Identity{"service": "a"}, actuator.Identity{"unit": "a"}, false},
		{actuator.Identity{"device": "8:1"}, actuator.Identity{"device": "8:1"}, true},
		{actuator.Identity{"device": "8:1"}, actuator.Identity{"device": "8:2"}, false},
		{nil, nil, false},
	} {
		require.Equal(t, c.want, same(c.a, c.b), "%v %v", c.a, c.b)
		require.Equal(t, c.want, same(c.b, c.a), "%v %v", c.b, c.a)
	}
}

func TestEachGuard(t *testing.T) {
	point := func(in *Input, change func(*incident.Point)) {
		change(&in.Incident.Evidence[0].Last)
		in.Incident.Evidence[0].Fired = in.Incident.Evidence[0].Last
	}
	for _, c := range []struct {
		guard, reason string
		say           Answer
		change        func(*Input)
		observeToo    bool // a step that only looks is withheld as well
	}{
		{"stop", "stopped", Hold, func(in *Input) { in.Facts.Stopped = "by ann" }, false},
		{"mode", "mode_observe", Hold, func(in *Input) { in.Facts.Mode = plan.Observe }, false},
		{"mode", "mode_forced", Hold, func(in *Input) { in.Facts.Mode, in.Facts.Why = plan.Observe, "x" }, false},
		{"mode", "plan_observe", Hold, func(in *Input) { in.Plan.Mode = plan.Observe }, false},
		{"mode", "policy", Hold, func(in *Input) { in.Facts.Policy = Policy{actuator.Restart: plan.Observe} }, false},
		{"journal", "journal_unavailable", Hold, func(in *Input) { in.Facts.Journal = false }, false},
		{"journal", "storage_not_durable", Hold, func(in *Input) { in.Facts.Durable = false }, false},
		{"origin", "foreign_host", No, func(in *Input) { point(in, func(p *incident.Point) { p.HostID = "id2" }) }, true},
		{"origin", "foreign_host", No, func(in *Input) { point(in, func(p *incident.Point) { p.HostID, p.HostName = "", "host2" }) }, true},
		{"freshness", "evidence_gone", Hold, func(in *Input) { point(in, func(p *incident.Point) { p.State = finding.Unknown }) }, true},
		{"freshness", "evidence_from_future", Hold, func(in *Input) { point(in, func(p *incident.Point) { p.Time = now.Add(2 * time.Second) }) }, true},
		{"freshness", "evidence_stale", Hold, func(in *Input) { point(in, func(p *incident.Point) { p.Time = now.Add(-46 * time.Second) }) }, true},
		{"freshness", "evidence_stale", Hold, func(in *Input) { point(in, func(p *incident.Point) { p.Received = now.Add(-31 * time.Second) }) }, true},
		{"freshness", "evidence_before_action", Hold, func(in *Input) {
			in.Ledger.Entries = []Entry{{Time: now.Add(-time.Minute), Quiet: now, Target: "service:host1/web", Incident: in.Incident.ID}}
		}, true},
		{"confirmation", "not_confirmed", Hold, func(in *Input) { in.Plan.Confirm = plan.Confirm{K: 2, N: 3} }, true},
		{"corroboration", "statistics_only", Hold, func(in *Input) { point(in, func(p *incident.Point) { p.Rules = nil }) }, false},
		{"corroboration", "score_low", Hold, func(in *Input) {
			in.Step.Spec.Impact = actuator.Adjust
			point(in, func(p *incident.Point) { p.Rules, p.Score = nil, 1.9 })
		}, false},
		{"warm-up", "warm_up", Hold, func(in *Input) { in.Facts.Started = now.Add(-time.Minute) }, false},
		{"warm-up", "boot_warm_up", Hold, func(in *Input) { in.Facts.Booted = now.Add(-9 * time.Minute) }, false},
		{"warm-up", "boot_unknown", Hold, func(in *Input) { in.Facts.Booted = time.Time{} }, false},
		{"backoff", "backoff", Hold, func(in *Input) { in.Incident.NotBefore = now.Add(time.Second) }, true},
		{"attempts", "attempts_spent", No, func(in *Input) { in.Incident.Attempt = 2 }, true},
		{"attempts", "incident_budget_spent", No, func(in *Input) { in.Incident.Actions = 3 }, false},
		{"in-flight", "target_in_flight", Hold, func(in *Input) { in.Facts.Busy = "other" }, false},
		{"cool-down", "cool_down", Hold, func(in *Input) { in.Ledger.Entries = []Entry{entry(9*time.Minute, "service:host1/web", "host1", "a")} }, false},
		{"target-budget", "target_budget_spent", No, func(in *Input) {
			for i := range 5 {
				in.Ledger.Entries = append(in.Ledger.Entries, entry(time.Duration(23-i)*time.Hour, "service:host1/web", "host9", "a"))
			}
		}, false},
		{"host-budget", "host_budget_spent", Hold, func(in *Input) {
			for i := range 6 {
				in.Ledger.Entries = append(in.Ledger.Entries, entry(time.Duration(59-i)*time.Minute, fmt.Sprint("service:host1/", i), "host1", "a"))
			}
		}, false},
		{"capacity", "workers_busy", Hold, func(in *Input) { in.Facts.Workers = 0 }, true},
		{"preview", NeedsPreview, Hold, func(in *Input) { in.Facts.Preview = nil }, true},
		{"preview", "target_protected", No, func(in *Input) { in.Facts.Preview.Error = "target_protected" }, true},
		{"preview", "target_not_found", Hold, func(in *Input) { in.Facts.Preview.Error = "target_not_found" }, true},
		{"preview", "owner_busy", Hold, func(in *Input) { in.Facts.Preview.Blockers = []actuator.Blocker{{Code: "owner_busy"}} }, true},
		{"preview", "no_identity", Hold, func(in *Input) { in.Facts.Preview.Identity = nil }, false},
		{"same-in-flight", "target_in_flight", Hold, func(in *Input) {
			in.Facts.Flights = map[string]actuator.Identity{in.Incident.ID: {"pid": "7"}, "else": {"pid": "8"}, "other": {"pid": "7", "running": "x"}}
		}, false},
		{"same-freshness", "evidence_before_action", Hold, func(in *Input) {
			in.Ledger.Entries = []Entry{{Time: now.Add(-time.Minute), Quiet: now, Target: "process:host1/top:cpu", Identity: actuator.Identity{"pid": "7"}}}
		}, false},
		{"same-cool-down", "cool_down", Hold, func(in *Input) {
			in.Ledger.Entries = []Entry{known(entry(9*time.Minute, "process:host1/top:cpu", "host1", "a"), "7")}
		}, false},
		{"same-budget", "target_budget_spent", No, func(in *Input) {
			for i := range 5 {
				e := entry(time.Duration(23-i)*time.Hour, "service:host1/web", "host9", "a")
				if i > 0 {
					e = known(entry(time.Duration(23-i)*time.Hour, "process:host1/top:cpu", "host9", "a"), "7")
				}
				in.Ledger.Entries = append(in.Ledger.Entries, e)
			}
		}, false},
		{"contribution", "contribution_low", Hold, func(in *Input) { in.Plan.Target.MinShare, in.Facts.Preview.Contribution = 0.5, 0.4 }, false},
		{"contribution", "contribution_low", Hold, func(in *Input) { in.Plan.Target.MinShare, in.Facts.Preview.Contribution = 0.5, -1 }, false},
		{"approval", NeedsApproval, Hold, func(in *Input) { in.Facts.Mode = plan.Approve }, false},
		{"approval", NeedsApproval, Hold, func(in *Input) { in.Facts.Policy = Policy{actuator.Restart: plan.Approve} }, false},
		{"approval", NeedsApproval, Hold, func(in *Input) { in.Step.Spec.Impact = actuator.Host }, false},
		{"approval", NeedsApproval, Hold, func(in *Input) { in.Facts.Mode, in.Incident.Consent = plan.Approve, "another question" }, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			in := granted(t)
			require.Equal(t, Verdict{Say: Go}, Decide(in))
			c.change(&in)
			v := Decide(in)
			require.Equal(t, []string{c.guard, c.reason, string(c.say)}, []string{v.Guard, v.Reason, string(v.Say)}, v.Text)
			require.NotEmpty(t, v.Reason)

			in.Step.Spec.Impact = actuator.Observe
			looks := Decide(in)
			require.Equal(t, c.observeToo, looks.Say != Go, "%+v", looks)
		})
	}
}

func TestConsentToExactlyThisIsGo(t *testing.T) {
	in := granted(t)
	in.Facts.Mode = plan.Approve
	in.Incident.Consent = in.Digest()
	require.Equal(t, Go, Decide(in).Say)
	for name, change := range map[string]func(*Input){
		"identity": func(in *Input) { in.Facts.Preview.Identity = actuator.Identity{"pid": "8"} },
		"effects":  func(in *Input) { in.Facts.Preview.Effects = []string{"it removes another file"} },
		"params":   func(in *Input) { in.Step.Params = map[string]any{"nice": int64(1)} },
		"attempt":  func(in *Input) { in.Incident.Attempt = 1 },
		"plan":     func(in *Input) { in.Plan.Confirm.N = 2 },
		"policy":   func(in *Input) { in.Facts.Policy = Policy{actuator.Destroy: plan.Observe} },
		"target":   func(in *Input) { in.Incident.Target.Key = "host1/db" },
		"incident": func(in *Input) { in.Incident.ID = "another" },
	} {
		changed := in
		preview := *in.Facts.Preview
		changed.Facts.Preview = &preview
		change(&changed)
		require.NotEqual(t, in.Digest(), changed.Digest(), name)
	}
}

func TestARehearsalAsksAllButAuthority(t *testing.T) {
	in := granted(t)
	in.Rehearse = true
	in.Facts.Mode, in.Facts.Stopped, in.Facts.Durable, in.Facts.Journal = plan.Observe, "by ann", false, false
	require.Equal(t, Go, Decide(in).Say)
	in.Facts.Started = now
	require.Equal(t, "warm_up", Decide(in).Reason)
}

func TestTheHeaviestClassNeverRunsUnasked(t *testing.T) {
	in := granted(t)
	in.Step.Spec = actuator.Spec{} // what is undeclared is the strictest class
	require.Equal(t, plan.Approve, in.Ceiling())
}

func TestCooldownGrowsAndEnds(t *testing.T) {
	limits := granted(t).Limits
	l := &Ledger{}
	require.Zero(t, l.Cooldown("t", "", limits, now))
	for n, want := range []time.Duration{10 * time.Minute, 30 * time.Minute, 90 * time.Minute, 270 * time.Minute, 6 * time.Hour, 6 * time.Hour} {
		l.Entries = append(l.Entries, entry(time.Duration(60-n)*time.Minute, "t", "h", fmt.Sprint(n)))
		require.Equal(t, want, l.Cooldown("t", "", limits, now).Sub(l.Entries[n].Quiet), "after %d incidents", n+1)
	}
	require.Zero(t, l.Cooldown("t", "", limits, now.Add(25*time.Hour)), "a day later it is forgotten")
	require.Zero(t, l.Cooldown("u", "", limits, now))
}

func TestTheLedgerForgetsAfterADayAndTracksTheTransient(t *testing.T) {
	l := &Ledger{Entries: []Entry{entry(25*time.Hour, "t", "h", "old")}}
	in := granted(t).Incident
	it := &incident.Intent{Request: actuator.Request{Operation: "op"}, Impact: actuator.Restart, Limit: time.Minute, Settle: 5 * time.Second}
	in.Intent = it
	require.True(t, l.Fold(incident.Event{Kind: incident.KindIntended, Time: now, Intent: it}, in))
	require.Len(t, l.Entries, 1)
	require.Equal(t, now.Add(65*time.Second), l.quiet(on("service:host1/web")))
	require.True(t, l.Fold(incident.Event{Kind: incident.KindOutcome, Time: now.Add(time.Second)}, in))
	require.Equal(t, now.Add(6*time.Second), l.quiet(on("service:host1/web")))
	it.Impact = actuator.Observe
	require.False(t, l.Fold(incident.Event{Kind: incident.KindIntended, Time: now, Intent: it}, in), "looking costs no budget")
	require.False(t, l.Fold(incident.Event{Kind: incident.KindHeld, Time: now}, in))
}

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy([]byte("destroy: observe\nrestart: approve\n"))
	require.NoError(t, err)
	require.Equal(t, Policy{actuator.Destroy: plan.Observe, actuator.Restart: plan.Approve}, p)
	for text, want := range map[string]string{
		"explode: auto":             `"explode" is no impact class (known are: adjust, restart, destroy, host)`,
		"observe: auto":             `"observe" is no impact class`,
		"destroy: sometimes":        `destroy must be observe, approve or auto (got "sometimes")`,
		"[destroy]":                 "a policy is a mapping",
		string(make([]byte, 1<<17)): "at most 65536 bytes",
	} {
		_, err := ParsePolicy([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("destroy: observe\nhost: approve"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePolicy(data)
		if err != nil {
			require.Nil(t, p)
			return
		}
		for impact, mode := range p {
			require.NotEqual(t, actuator.Observe, impact)
			require.LessOrEqual(t, mode, plan.Auto)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	in := granted(&testing.T{})
	for b.Loop() {
		Decide(in)
	}
}
