// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

// interrupted is an engine that died while it executed an idempotent verb.
func interrupted(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	died := newRig(t, strings.ReplaceAll(downPlan, "fake.start", "fake.tune"), change).start()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	died.fake.set(func(f *fake) { f.onAct = func() { <-hang } })
	died.pass(4*time.Second, always(finding.Firing))
	require.Equal(t, incident.Executing, died.only().State)
	return died
}

func TestWhatMayBeRepeatedIsRepeatedOnlyIfEveryGuardSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		away   time.Duration
		before func(*rig)
		config func(*Config)
		why    string // "" when it is repeated
	}{
		"at once":              {},
		"hours-old evidence":   {away: 3 * time.Hour, why: "the newest datapoint is 3h0m"},
		"in the warm-up":       {config: func(cfg *Config) { cfg.Limits.WarmUp = time.Minute }, why: "it acts after 1m0s"},
		"on another host":      {config: func(cfg *Config) { cfg.Host.ID = "id2" }, why: "the evidence is about host id"},
		"without authority":    {config: func(cfg *Config) { cfg.Mode = "observe" }, why: "the engine observes and does not act"},
		"without a consent":    {config: func(cfg *Config) { cfg.Mode = "approve" }, why: "a person must approve fake.tune"},
		"the switch is thrown": {config: func(cfg *Config) { cfg.StopFile = "/proc/self/stat" }, why: "the stop switch is thrown"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := interrupted(t, nil).crash()
				if c.config != nil {
					was := next.change
					next.change = func(cfg *Config) { was(cfg); c.config(cfg) }
				}
				time.Sleep(c.away)
				next.start()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if c.why == "" {
					require.Equal(t, []string{"fake.tune"}, next.fake.acts())
					next.stop()
					return
				}
				require.Empty(t, next.fake.acts())
				require.Contains(t, next.record("remediation.action.assumed").Body, c.why)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				require.Empty(t, next.fake.acts())
				require.Equal(t, incident.Escalated, next.only().State, "it was verified, and nothing proves it")
				next.stop()
			})
		})
	}
}

// amnesiac is a storage client that cannot write that something is repeated.
type amnesiac struct{ storage.Client }

func (a amnesiac) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if op.Type == storage.Set && bytes.Contains(op.Value, []byte(`"kind":"repeated"`)) {
			return errors.New("no space left on device")
		}
	}
	return a.Client.Batch(ctx, ops...)
}

func TestARepetitionThatIsNotOnRecordDoesNotHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := interrupted(t, nil).crash()
		next.wrap = func(c storage.Client) storage.Client { return amnesiac{c} }
		next.start()
		next.pass(3*time.Second, always(finding.Firing))
		require.Empty(t, next.fake.acts(), "a third execution could follow the next crash")
		next.record("remediation.action.assumed")
		next.stop()
	})
}

func TestAConsentIsGoodForTheRepetitionToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		died := newRig(t, strings.ReplaceAll(downPlan, "fake.start", "fake.tune"), func(cfg *Config) { cfg.Mode = "approve" }).start()
		hang := make(chan struct{})
		t.Cleanup(func() { close(hang) })
		died.fake.set(func(f *fake) { f.onAct = func() { <-hang } })
		died.pass(4*time.Second, always(finding.Firing))
		require.NoError(t, died.say(died.question(), true))
		synctest.Wait()
		require.Equal(t, incident.Executing, died.only().State)
		next := died.crash().start()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"fake.tune"}, next.fake.acts())
		next.stop()
	})
}
