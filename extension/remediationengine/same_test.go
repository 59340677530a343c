// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

// topPlan ends the greatest consumer, whoever it is.
const topPlan = `
id: top
match: ['fault="cpu_saturated"']
target: {kind: process, top: cpu, min_share: 0.5}
mode: auto
steps:
  - {id: kill, action: fake.kill, reason: it is a test, settle: 5s, verify: {clear: true, hold: 10s, deadline: 60s}}
`

func TestOneProcessUnderTwoKeysIsActedOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newProcessRig(t, func(cfg *Config) {
			var p map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(topPlan), &p))
			cfg.Plans = append(cfg.Plans, p)
		})
		r.fake.share = 0.9
		r.start()
		see := func(span time.Duration) {
			for range int(span / time.Second) {
				time.Sleep(time.Second)
				r.see("a", finding.Firing, process(7, time.Time{}))
				r.see("host", finding.Firing, func(f *finding.Finding) { f.Fault = "cpu_saturated" })
				r.see("bare", finding.Firing, func(f *finding.Finding) { f.Resource[actuator.AttrPID] = "7" })
			}
		}
		reasons := func() (out []string) {
			for _, in := range r.book.List() {
				out = append(out, in.Reason)
			}
			return out
		}
		see(10 * time.Second)
		require.Len(t, r.book.List(), 3)
		require.Equal(t, []string{"fake.kill"}, r.fake.acts())
		require.Subset(t, reasons(), []string{"target_in_flight"})
		see(90 * time.Second) // in vain: it is with a person now
		require.Equal(t, []string{"fake.kill"}, r.fake.acts())
		require.Subset(t, reasons(), []string{"cool_down"})
		states := map[incident.State]int{}
		for _, in := range r.book.List() {
			states[in.State]++
		}
		require.Equal(t, map[incident.State]int{incident.Escalated: 1, incident.Gated: 2}, states)
		r.stop()
	})
}
