// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

func openingOf(n int, at time.Time) Event {
	return Open(actuator.Target{Kind: actuator.KindService, Key: fmt.Sprintf("host1/web%d", n)}, "host1", "service_down", "p", "d", firing(n, at), at)
}

func TestTenThousandIncidentsStayBounded(t *testing.T) {
	b := NewBook(100)
	refused := 0
	for i := range 10_000 {
		if _, _, err := b.Apply(openingOf(i, start), start); err != nil {
			require.ErrorIs(t, err, ErrFull)
			refused++
		}
	}
	require.Len(t, b.List(), 100)
	require.Equal(t, 9_900, refused)
}

func TestAFullBookForgetsTheOldestClosedOne(t *testing.T) {
	b := NewBook(2)
	for i := range 2 {
		ev := openingOf(i, start)
		_, _, err := b.Apply(ev, start)
		require.NoError(t, err)
		at := start.Add(time.Duration(i+1) * time.Second)
		_, _, err = b.Apply(Event{Kind: KindClosed, Incident: ev.Incident, Close: Forgotten, Time: at}, at)
		require.NoError(t, err)
	}
	_, _, err := b.Apply(openingOf(2, start), start)
	require.NoError(t, err)
	_, kept := b.Get(openingOf(0, start).Incident)
	require.False(t, kept)
	_, kept = b.Get(openingOf(1, start).Incident)
	require.True(t, kept)
}

func TestOneOpenIncidentAKey(t *testing.T) {
	b := NewBook(10)
	first := openingOf(0, start)
	_, _, err := b.Apply(first, start)
	require.NoError(t, err)
	second := openingOf(0, start.Add(time.Second))
	_, _, err = b.Apply(second, start)
	require.ErrorIs(t, err, ErrOrder)
	_, _, err = b.Apply(Event{Kind: KindClosed, Incident: first.Incident, Close: Forgotten, Time: start}, start)
	require.NoError(t, err)
	_, after, err := b.Apply(second, start)
	require.NoError(t, err)
	open, ok := b.Open(after.Key)
	require.True(t, ok)
	require.Equal(t, second.Incident, open.ID)
	_, _, err = b.Apply(Event{Kind: KindHeld, Incident: "nobody"}, start)
	require.ErrorIs(t, err, ErrUnknown)
}

func TestTryChangesNothing(t *testing.T) {
	b := NewBook(10)
	ev := openingOf(0, start)
	_, _, err := b.Apply(ev, start)
	require.NoError(t, err)
	after, err := b.Try(Event{Kind: KindConfirmed, Incident: ev.Incident}, start)
	require.NoError(t, err)
	require.Equal(t, Confirmed, after.State)
	in, _ := b.Get(ev.Incident)
	require.Equal(t, Detected, in.State)
}

func TestSweepKeepsCooldownsAndTheLiving(t *testing.T) {
	b := NewBook(10)
	day := start.Add(24 * time.Hour)
	b.Restore([]Incident{
		{ID: "live", Key: "1", State: Escalated},
		{ID: "cooling", Key: "2", State: Cooldown, Closed: start, Until: day.Add(time.Hour)},
		{ID: "cooled", Key: "3", State: Cooldown, Closed: start, Until: start.Add(time.Hour)},
		{ID: "young", Key: "4", State: Forgotten, Closed: day},
		{ID: "old", Key: "5", State: ResolvedExternally, Closed: start},
	})
	require.Equal(t, 2, b.Sweep(day.Add(-time.Hour), day))
	var left []string
	for _, in := range b.List() {
		left = append(left, in.ID)
	}
	require.ElementsMatch(t, []string{"live", "cooling", "young"}, left)
}

func TestRestoreKeepsTheLivingBeyondTheLimit(t *testing.T) {
	b := NewBook(1)
	b.Restore([]Incident{{ID: "a", Key: "1", State: Escalated}, {ID: "b", Key: "2", State: Gated}, {ID: "c", Key: "3", State: Forgotten}})
	require.Len(t, b.List(), 2)
}

func TestWatchWaitsForAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBook(10)
		got := make(chan uint64, 1)
		go func() {
			version, err := b.Watch(t.Context(), 0)
			if err == nil {
				got <- version
			}
		}()
		synctest.Wait()
		require.Empty(t, got)
		_, _, err := b.Apply(openingOf(0, start), start)
		require.NoError(t, err)
		require.Equal(t, uint64(1), <-got)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = b.Watch(ctx, 1)
		require.ErrorIs(t, err, context.Canceled)
	})
}
