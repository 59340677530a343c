// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/operate"
)

// blank is a rig that knows the default hold after a fresh journal.
func blank(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	return newRig(t, downPlan, func(cfg *Config) {
		cfg.Limits.FreshJournalHold = createDefaultConfig().(*Config).Limits.FreshJournalHold
		if change != nil {
			change(cfg)
		}
	})
}

func TestALostJournalGivesNoBudgetsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := blank(t, func(cfg *Config) { cfg.Limits.ActionsPerTargetDay, cfg.Limits.ActionsPerHostHour = 1, 1 }).start()
		require.NoError(t, r.SetStop(t.Context(), operate.Stop{By: "ann"}), "the first start is vouched for")
		require.Empty(t, r.Status().Why)
		r.pass(4*time.Second, always(finding.Firing))
		require.Len(t, r.fake.acts(), 1)
		r.stop()

		again := r.crash().start()
		require.Empty(t, again.Status().Why, "a journal that is there is no fresh one")
		again.stop()

		r.dir = t.TempDir()
		r.start()
		require.Equal(t, "auto", r.Status().Effective)
		require.Contains(t, r.Status().Why, "fresh journal")
		r.pass(50*time.Minute, always(finding.Firing))
		require.Len(t, r.fake.acts(), 1)
		require.Equal(t, reasonFresh, r.only().Reason)
		require.Equal(t, guardFresh, r.record("remediation.guard.held").Attributes["remediation.guard"], "it is told once")
		require.Contains(t, r.record("remediation.engine.fresh_journal").Body, "fresh journal")
		r.pass(11*time.Minute, always(finding.Firing))
		require.Len(t, r.fake.acts(), 2, "the hold ends by itself")
		require.Empty(t, r.Status().Why)
		r.stop()
	})
}

func TestAHoldIsNeitherShortenedNorRenewedByARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := blank(t, nil).start()
		r.pass(10*time.Second, always(finding.Firing))
		time.Sleep(30 * time.Minute)
		next := r.crash().start()
		require.Contains(t, next.Status().Why, "fresh journal")
		time.Sleep(28 * time.Minute)
		next.pass(10*time.Second, always(finding.Firing))
		require.Empty(t, next.fake.acts())
		time.Sleep(2 * time.Minute)
		next.pass(10*time.Second, always(finding.Firing))
		require.NotEmpty(t, next.fake.acts())
		next.stop()
		r.stop()
	})
}

func TestAContainerWithoutAVolumeDoesNotRepairForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := blank(t, nil)
		for range 20 {
			r.dir = t.TempDir()
			r.start()
			r.pass(2*time.Minute, always(finding.Firing))
			r.stop()
		}
		require.Empty(t, r.fake.acts())
	})
}

func TestAFreshJournalWithholdsNeitherLightVerbsNorWhatAPersonWants(t *testing.T) {
	t.Run("adjust", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := blank(t, nil)
			was := r.change
			r.change = func(cfg *Config) {
				was(cfg)
				step := cfg.Plans[0]["steps"].([]any)[1].(map[string]any)
				step["action"] = strings.ReplaceAll(step["action"].(string), "start", "tune")
			}
			r.start()
			r.pass(5*time.Second, always(finding.Firing))
			require.Equal(t, []string{"fake.tune"}, r.fake.acts())
			r.stop()
		})
	})
	t.Run("approved", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := blank(t, func(cfg *Config) { cfg.Mode = "approve" }).start()
			r.pass(4*time.Second, always(finding.Firing))
			require.NoError(t, r.say(r.question(), true))
			r.pass(2*time.Second, always(finding.Firing))
			require.Equal(t, []string{"fake.start"}, r.fake.acts())
			r.stop()
		})
	})
}
