// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

func TestAFaultIsRepairedOnceAndProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		state := finding.Firing
		r.fake.onAct = func() { state = finding.Normal }
		r.pass(30*time.Second, "web", func() finding.State { return state })

		in := r.only()
		require.Equal(t, incident.Cooldown, in.State, "%+v", in.History)
		require.Equal(t, []string{"fake.start"}, r.fake.acts())
		require.Equal(t, []string{
			"remediation.engine.started", "remediation.incident.opened", "remediation.incident.confirmed", "remediation.plan.selected",
			"remediation.action.intended", "remediation.action.executed", // look
			"remediation.action.intended", "remediation.action.executed", // start
			"remediation.verify.started", "remediation.verify.result", "remediation.incident.resolved", "remediation.incident.cooldown",
		}, r.said())
		r.stop()
	})
}
