// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/operate"
)

func TestAYesToOtherEffectsIsVoid(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "later": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, downPlan, func(cfg *Config) { cfg.Mode = "approve" }).start()
				r.pass(5*time.Second, always(finding.Firing))
				first := r.question()
				require.Equal(t, []string{"it starts"}, first.Preview)
				r.pass(wait, always(finding.Firing))
				r.fake.set(func(f *fake) { f.effects = []string{"it starts, and removes 3 files"} })
				yes := func(q operate.Question) {
					require.NoError(t, r.Answer(t.Context(), operate.Answer{Incident: r.only().ID, Digest: q.Digest, Approve: true, By: "ann"}))
					synctest.Wait()
				}
				yes(first)
				require.Empty(t, r.fake.acts())
				second := r.question()
				require.Equal(t, []string{"it starts, and removes 3 files"}, second.Preview)
				require.NotEqual(t, first.Digest, second.Digest)

				previews := r.fake.plans()
				r.pass(30*time.Second, always(finding.Firing))
				require.Equal(t, previews, r.fake.plans(), "an open question asks nobody else")
				yes(second)
				require.Equal(t, []string{"fake.start"}, r.fake.acts())
				require.Equal(t, incident.Settling, r.only().State)
				r.stop()
			})
		})
	}
}
