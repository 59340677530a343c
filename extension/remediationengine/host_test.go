// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

func TestASpellingOfTheHostBuysNoAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		for range 5 {
			time.Sleep(time.Second)
			for i, name := range []string{"host1", "host1.example.com", "", "HOST1"} {
				r.see("spelling"[:i+1], finding.Firing, func(f *finding.Finding) {
					f.Resource[actuator.AttrHost] = name
					if name == "" {
						delete(f.Resource, actuator.AttrHost)
					}
				})
			}
		}
		require.Equal(t, []string{"fake.start"}, r.fake.acts())
		require.Equal(t, "host1", r.only().Host)
		require.Equal(t, "host1", r.loop.ledger.Entries[0].Host)
		r.stop()
	})
}

func TestAnotherHostDoesNotSpoilARepairHere(t *testing.T) {
	for name, resource := range map[string]map[string]string{
		"under this host's name": {actuator.AttrHost: "host1", actuator.AttrHostID: "id2"},
		"without a name":         {actuator.AttrHostID: "id2"},
		"without an id":          {actuator.AttrHost: "host2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, downPlan, nil).start()
				for range 4 {
					time.Sleep(time.Second)
					r.see("foreign", finding.Firing, func(f *finding.Finding) { f.Resource = resource })
					r.see("web", finding.Firing, nil)
				}
				require.Equal(t, []string{"fake.start"}, r.fake.acts())
				require.Len(t, r.book.List(), 2)
				foreign, _ := r.book.Find(func(in incident.Incident) bool { return in.Target.Key != "host1/web" })
				require.Equal(t, "foreign_host", foreign.Reason)
				r.stop()
			})
		})
	}
}
