// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// knob is one key of the configuration: two settings of it, and what happens
// under both. A key for which the same happens has no effect.
type knob struct {
	base, turn func(*Config)
	drive      func(*rig) string
}

// fires lets the fault fire every second and tells what became of it.
func fires(span time.Duration) func(*rig) string {
	return func(r *rig) string {
		r.pass(span, always(finding.Firing))
		return told(r)
	}
}

func told(r *rig) string {
	var out []string
	for _, in := range r.book.List() {
		out = append(out, string(in.State)+":"+in.Reason)
	}
	return fmt.Sprint(r.fake.acts(), out)
}

// heals lets every action help, and the fault come back a minute later.
func heals(times int, pause time.Duration) func(*rig) string {
	return func(r *rig) string {
		var down fault
		r.fake.onAct = down.heal
		for range times {
			down.recur()
			r.pass(30*time.Second, down.state)
			r.pass(pause, always(finding.Normal))
		}
		return told(r)
	}
}

// many opens n incidents about services without a plan.
func many(n int) func(*rig) string {
	return func(r *rig) string {
		for i := range n {
			r.see(string(rune('a'+i)), finding.Firing, func(f *finding.Finding) {
				f.Fault, f.Attributes = "meteor", map[string]string{actuator.AttrMountpoint: fmt.Sprint("/", i)}
			})
		}
		return fmt.Sprint(len(r.book.List()), len(r.loop.journal.Outbox().Waiting()))
	}
}

func limit(change func(*LimitsConfig)) func(*Config) {
	return func(cfg *Config) { change(&cfg.Limits) }
}

func TestEveryKeyHasAnEffect(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	policy, stop := file("policy.yaml", "restart: observe"), file("stop", "")
	plans := file("plans.yaml", "plans:\n  - "+strings.ReplaceAll(strings.TrimSpace(downPlan), "\n", "\n    "))
	named := func(r *rig) string {
		for range 5 {
			time.Sleep(time.Second)
			r.see("web", finding.Firing, func(f *finding.Finding) { f.Resource = map[string]string{actuator.AttrHost: "host1"} })
		}
		return told(r)
	}
	knobs := map[string]knob{
		"storage": {func(cfg *Config) { cfg.Mode = "observe" }, func(cfg *Config) { cfg.Storage = nil }, func(r *rig) string {
			r.pass(5*time.Second, always(finding.Firing))
			next := r.crash().start()
			defer next.stop()
			return told(next)
		}},
		"mode":       {nil, func(cfg *Config) { cfg.Mode = "approve" }, fires(10 * time.Second)},
		"host::name": {nil, func(cfg *Config) { cfg.Host.Name = "host2" }, named},
		"host::id":   {nil, func(cfg *Config) { cfg.Host.ID = "id2" }, fires(10 * time.Second)},
		"actuators": {func(cfg *Config) { cfg.Plans = nil }, func(cfg *Config) { cfg.Actuators = []component.ID{} }, func(r *rig) string {
			return fmt.Sprint(r.Status().Actuators)
		}},
		"plans":             {nil, func(cfg *Config) { cfg.Plans = nil }, fires(10 * time.Second)},
		"plan_files":        {func(cfg *Config) { cfg.Plans = nil }, func(cfg *Config) { cfg.PlanFiles = []string{plans} }, fires(10 * time.Second)},
		"policy_file":       {nil, func(cfg *Config) { cfg.PolicyFile = policy }, fires(10 * time.Second)},
		"stop_file":         {nil, func(cfg *Config) { cfg.StopFile = stop }, fires(10 * time.Second)},
		"max_incidents":     {nil, func(cfg *Config) { cfg.MaxIncidents = 3 }, many(10)},
		"max_audit_records": {nil, func(cfg *Config) { cfg.MaxAuditRecords = 16 }, many(10)},
		"retention":         {nil, func(cfg *Config) { cfg.Retention = time.Minute }, heals(1, 15*time.Minute)},
		"forget_after": {nil, func(cfg *Config) { cfg.ForgetAfter = time.Minute }, func(r *rig) string {
			r.see("web", finding.Firing, nil)
			time.Sleep(2 * time.Minute)
			return told(r)
		}},
		"approval_timeout": {func(cfg *Config) { cfg.Mode = "approve" }, func(cfg *Config) { cfg.ApprovalTimeout = time.Minute }, fires(2 * time.Minute)},
		"journal_timeout": {nil, func(cfg *Config) { cfg.JournalTimeout = 100 * time.Millisecond }, func(r *rig) string {
			r.bad.hangs.Store(true)
			defer close(r.bad.hang)
			began := time.Now()
			r.see("web", finding.Firing, nil)
			for r.Status().Why == "" {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
			}
			return time.Since(began).String()
		}},
		"workers": {func(cfg *Config) { cfg.Workers = 2 }, func(cfg *Config) { cfg.Workers = 1 }, func(r *rig) string {
			hang := make(chan struct{})
			defer close(hang)
			r.fake.onAct = func() { <-hang }
			r.pass(4*time.Second, always(finding.Firing))
			return fmt.Sprint(r.loop.hands.free())
		}},
		"queue_size": {nil, func(cfg *Config) { cfg.QueueSize = 16 }, func(r *rig) string {
			var list []finding.Finding
			for i := range 100 {
				list = append(list, finding.Finding{Series: series.Key{Lo: uint64(i + 1)}, State: finding.Normal})
			}
			return fmt.Sprint(r.Offer(list))
		}},
		"limits::max_evidence_age": {nil, limit(func(l *LimitsConfig) { l.MaxEvidenceAge = time.Second }), func(r *rig) string {
			for range 10 {
				time.Sleep(time.Second)
				r.see("web", finding.Firing, func(f *finding.Finding) { f.Time = f.Time.Add(-5 * time.Second) })
			}
			return told(r)
		}},
		"limits::max_receive_age": {nil, limit(func(l *LimitsConfig) { l.MaxReceiveAge = time.Second }), func(r *rig) string {
			for range 10 {
				time.Sleep(time.Second)
				r.see("web", finding.Firing, func(f *finding.Finding) { f.Received = f.Received.Add(-5 * time.Second) })
			}
			return told(r)
		}},
		"limits::warm_up":                {nil, limit(func(l *LimitsConfig) { l.WarmUp = time.Minute }), fires(10 * time.Second)},
		"limits::boot_warm_up":           {nil, limit(func(l *LimitsConfig) { l.BootWarmUp = 1e6 * time.Hour }), fires(10 * time.Second)},
		"limits::fresh_journal_hold":     {nil, limit(func(l *LimitsConfig) { l.FreshJournalHold = time.Minute }), fires(10 * time.Second)},
		"limits::cooldown::initial":      {nil, limit(func(l *LimitsConfig) { l.Cooldown.Initial = 0 }), heals(2, time.Minute)},
		"limits::cooldown::factor":       {nil, limit(func(l *LimitsConfig) { l.Cooldown.Factor = 1 }), heals(3, 12*time.Minute)},
		"limits::cooldown::max":          {nil, limit(func(l *LimitsConfig) { l.Cooldown.Max = l.Cooldown.Initial }), heals(3, 12*time.Minute)},
		"limits::actions_per_incident":   {nil, limit(func(l *LimitsConfig) { l.ActionsPerIncident = 1 }), fires(4 * time.Minute)},
		"limits::actions_per_target_day": {nil, limit(func(l *LimitsConfig) { l.ActionsPerTargetDay = 1 }), fires(4 * time.Minute)},
		"limits::actions_per_host_hour":  {nil, limit(func(l *LimitsConfig) { l.ActionsPerHostHour = 1 }), fires(4 * time.Minute)},
	}
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		require.Contains(t, knobs, key, "a key without a test that it has an effect")
	}
	for key, k := range knobs {
		t.Run(key, func(t *testing.T) {
			outcome := func(changes ...func(*Config)) (out string) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, downPlan, func(cfg *Config) {
						for _, change := range changes {
							if change != nil {
								change(cfg)
							}
						}
					})
					r.bad = &faulty{hang: make(chan struct{})}
					r.wrap = func(c storage.Client) storage.Client { r.bad.Client = c; return r.bad }
					r.start()
					out = k.drive(r)
					_ = r.Shutdown(t.Context()) // some outcomes are hung actuators and disks
				})
				return out
			}
			require.NotEqual(t, outcome(k.base), outcome(k.base, k.turn), "%s has no effect", key)
		})
	}
}

// keysOf lists the keys of a configuration struct, nested ones behind their
// parents.
func keysOf(typ reflect.Type, prefix string) []string {
	var keys []string
	for field := range typ.Fields() {
		key := prefix + field.Tag.Get("mapstructure")
		if field.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(field.Type, key+"::")...)
			continue
		}
		keys = append(keys, key)
	}
	return keys
}
