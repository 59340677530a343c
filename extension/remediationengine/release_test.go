// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/homeostat/homeostat/internal/operate"
)

func TestAReleaseThatComesLateIsUnknownAndUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &faulty{hang: make(chan struct{})}
		r := newRig(t, downPlan, nil)
		r.wrap = func(c storage.Client) storage.Client { bad.Client = c; return bad }
		r.start()
		require.NoError(t, r.SetStop(t.Context(), operate.Stop{On: true, By: "bob"}))

		// The loop must be at rest: a write of its own that hangs would be in
		// the way of the release, and its answer another one.
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		bad.hangs.Store(true)
		err := r.SetStop(t.Context(), operate.Stop{By: "ann"})
		require.ErrorIs(t, err, context.DeadlineExceeded, "the console answers that whether it was recorded is unknown")
		require.ErrorContains(t, err, "unknown")
		require.ErrorContains(t, err, "look again")
		require.True(t, r.Status().Stopped)

		// The release reaches the disk after all.
		bad.hangs.Store(false)
		close(bad.hang)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.True(t, r.Status().Stopped)
		again := r.crash().start()
		require.True(t, again.Status().Stopped, "the thrown state was written after the release")
		require.NoError(t, again.SetStop(t.Context(), operate.Stop{By: "ann"}))
		require.False(t, again.Status().Stopped)
		again.stop()
		r.stop()
	})
}
