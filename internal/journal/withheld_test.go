// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/incident"
)

// counted is a clerk whose snapshots are counted: each asks for the state once.
func counted(t *testing.T, pause time.Duration) (c *clerk, snapshots *int) {
	t.Helper()
	snapshots = new(int)
	c = &clerk{t: t, store: newMemory(), book: incident.NewBook(100), now: start}
	j, restored, damage, err := Open(t.Context(), c.store, Options{Timeout: time.Second, Pause: pause, MaxRecords: 100}, func() State {
		*snapshots++
		s := c.state
		s.Incidents = c.book.List()
		return s
	})
	require.NoError(t, err)
	require.NoError(t, damage)
	c.Journal, c.state = j, restored
	return c, snapshots
}

func TestNothingIsEncodedWhileAWriteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, snapshots := counted(t, 0)
		id := c.open(0)
		require.NoError(t, c.Flush(t.Context()))
		hang := make(chan struct{})
		c.store.set(func() { c.store.hang = hang })
		require.ErrorIs(t, c.intend(id), ErrLate)
		for range 1000 {
			c.Add(nil, nil, c.record("turn"))
			err := c.Flush(t.Context())
			require.ErrorIs(t, err, ErrUnavailable)
			require.NotErrorIs(t, err, ErrLate, "what was never begun cannot take effect")
		}
		require.Zero(t, *snapshots)
		require.Equal(t, int64(1), c.Failures(), "one write took too long, the others were not tried")

		c.store.set(func() { c.store.hang = nil })
		close(hang)
		synctest.Wait()
		require.NoError(t, c.Flush(t.Context()))
		require.Equal(t, 1, *snapshots)
		again, damage := hire(t, c.store.copy())
		require.NoError(t, damage)
		c.same(t, again)
	})
}

func TestAFailedWriteIsNotTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, snapshots := counted(t, time.Second)
		id := c.open(0)
		c.store.set(func() { c.store.fail = true })
		require.ErrorIs(t, c.Flush(t.Context()), ErrUnavailable)
		began := time.Now()
		for time.Since(began) < 10*time.Second {
			c.apply(incident.Event{Kind: incident.KindHeld, Incident: id, Reason: time.Since(began).String()})
			require.ErrorIs(t, c.Flush(t.Context()), ErrUnavailable)
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, 9, *snapshots, "one a second")
		c.store.set(func() { c.store.fail = false })
		time.Sleep(time.Second)
		require.NoError(t, c.Flush(t.Context()))
		require.True(t, c.Healthy())
		again, damage := hire(t, c.store.copy())
		require.NoError(t, damage)
		c.same(t, again)
	})
}
