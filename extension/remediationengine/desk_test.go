// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/operate"
)

// asking is a rig whose engine has asked about the start of the service.
func asking(t *testing.T) (*rig, operate.Question) {
	t.Helper()
	r := newRig(t, downPlan, func(cfg *Config) { cfg.Mode = "approve" }).start()
	r.pass(4*time.Second, always(finding.Firing))
	require.Equal(t, incident.AwaitingApproval, r.only().State)
	require.Empty(t, r.fake.acts())
	q := r.question()
	return r, q
}

func (r *rig) say(q operate.Question, approve bool) error {
	return r.Answer(r.t.Context(), operate.Answer{Incident: r.only().ID, Digest: q.Digest, Approve: approve, By: "ann"})
}

func TestApproval(t *testing.T) {
	for name, check := range map[string]func(*testing.T, *rig, operate.Question){
		"yes is used once": func(t *testing.T, r *rig, q operate.Question) {
			require.Equal(t, "fake.start on the service", q.Action)
			require.NoError(t, r.say(q, true))
			synctest.Wait()
			require.Len(t, r.fake.acts(), 1)
			require.ErrorIs(t, r.say(q, true), operate.ErrTooLate)
			require.Equal(t, "ann", r.record("remediation.approval.granted").Attributes["remediation.approver"])
			r.pass(3*time.Minute, always(finding.Firing))
			require.Len(t, r.fake.acts(), 1, "the second attempt needs another yes")
			require.NotEqual(t, q.Digest, r.question().Digest)
		},
		"no escalates": func(t *testing.T, r *rig, q operate.Question) {
			require.NoError(t, r.say(q, false))
			require.Equal(t, incident.Escalated, r.only().State)
			require.ErrorIs(t, r.say(q, true), operate.ErrTooLate)
			require.Len(t, r.said(), len(r.said()))
			r.record("remediation.approval.denied")
			r.pass(time.Minute, always(finding.Firing))
			require.Empty(t, r.fake.acts())
		},
		"silence escalates": func(t *testing.T, r *rig, q operate.Question) {
			r.pass(16*time.Minute, always(finding.Firing))
			require.Equal(t, incident.Escalated, r.only().State)
			require.ErrorIs(t, r.say(q, true), operate.ErrTooLate)
			r.record("remediation.approval.expired")
			require.Empty(t, r.fake.acts())
		},
		"another digest": func(t *testing.T, r *rig, q operate.Question) {
			require.ErrorIs(t, r.say(operate.Question{Digest: "0"}, true), operate.ErrDigest)
			require.ErrorIs(t, r.say(operate.Question{}, true), operate.ErrDigest)
			require.Equal(t, q, r.question())
		},
		"nobody's incident": func(t *testing.T, r *rig, q operate.Question) {
			require.ErrorIs(t, r.Answer(t.Context(), operate.Answer{Incident: "x", Digest: q.Digest, Approve: true}), operate.ErrNotFound)
			_, err := r.Incident("x")
			require.ErrorIs(t, err, operate.ErrNotFound)
		},
		"another incarnation is another question": func(t *testing.T, r *rig, q operate.Question) {
			r.fake.set(func(f *fake) { f.identity = actuator.Identity{"pid": "8"} })
			r.pass(10*time.Second, always(finding.Firing)) // the preview has aged
			require.NoError(t, r.say(q, true))
			synctest.Wait()
			require.Empty(t, r.fake.acts())
			require.Equal(t, incident.AwaitingApproval, r.only().State)
			require.NotEqual(t, q.Digest, r.question().Digest)
			require.ErrorIs(t, r.say(q, true), operate.ErrDigest)
		},
		"evidence that has gone stale waits for more": func(t *testing.T, r *rig, q operate.Question) {
			time.Sleep(time.Minute)
			require.NoError(t, r.say(q, true))
			synctest.Wait()
			require.Empty(t, r.fake.acts(), "every guard runs again")
			require.Equal(t, "evidence_stale", r.only().Reason)
			r.pass(2*time.Second, always(finding.Firing))
			require.Len(t, r.fake.acts(), 1)
		},
		"the stop switch outranks a yes": func(t *testing.T, r *rig, q operate.Question) {
			require.NoError(t, r.SetStop(t.Context(), operate.Stop{On: true, By: "bob", Comment: "wait"}))
			require.NoError(t, r.say(q, true))
			r.pass(16*time.Minute, always(finding.Firing))
			require.Empty(t, r.fake.acts())
			require.Equal(t, reasonExpired, r.only().Reason, "a yes does not last")
		},
		"recovery cancels": func(t *testing.T, r *rig, q operate.Question) {
			r.see("web", finding.Resolved, nil)
			require.Equal(t, incident.ResolvedExternally, r.only().State)
			require.ErrorIs(t, r.say(q, true), operate.ErrTooLate)
		},
		"the question survives a crash": func(t *testing.T, r *rig, q operate.Question) {
			again := r.crash().start()
			require.Equal(t, q, again.question())
			again.pass(2*time.Second, always(finding.Firing))
			require.NoError(t, again.say(q, true))
			synctest.Wait()
			require.Len(t, again.fake.acts(), 1)
			again.stop()
		},
		"a yes survives a crash and is still used once": func(t *testing.T, r *rig, q operate.Question) {
			time.Sleep(time.Minute)
			require.NoError(t, r.say(q, true)) // held: the evidence is stale
			again := r.crash().start()
			again.pass(10*time.Second, always(finding.Firing))
			require.Len(t, again.fake.acts(), 1)
			again.stop()
		},
		"an impatient caller": func(t *testing.T, r *rig, _ operate.Question) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, r.SetStop(ctx, operate.Stop{On: true}), context.Canceled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, q := asking(t)
				check(t, r, q)
				r.stop()
			})
		})
	}
}

func TestTheStopSwitchSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, nil).start()
		require.NoError(t, r.SetStop(t.Context(), operate.Stop{On: true, By: "bob", Comment: "maintenance"}))
		again := r.crash().start()
		again.pass(10*time.Second, always(finding.Firing))
		require.Empty(t, again.fake.acts())
		require.True(t, again.Status().Stopped)
		require.Equal(t, "stopped", again.only().Reason)
		require.NoError(t, again.SetStop(t.Context(), operate.Stop{By: "bob"}))
		again.pass(2*time.Second, always(finding.Firing))
		require.Len(t, again.fake.acts(), 1)
		again.stop()
		r.stop()
		require.ErrorIs(t, r.SetStop(t.Context(), operate.Stop{On: true}), errNotRunning)
	})
}
