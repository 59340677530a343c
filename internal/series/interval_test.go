// SPDX-License-Identifier: Apache-2.0

package series

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIntervalIsTheMedianOfTheLastNine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var v interval
		require.Zero(rt, v.value(), "nothing is known yet")
		var all []time.Duration
		for range rapid.IntRange(1, 60).Draw(rt, "points") {
			d := time.Duration(rapid.Int64Range(1, 5_000_000).Draw(rt, "ms")) * time.Millisecond
			v.learn(int64(d))
			all = append(all, min(d, MaxInterval))
			last := slices.Clone(all[max(0, len(all)-distances):])
			slices.Sort(last)
			want := min(max(last[(len(last)-1)/2], MinInterval), MaxInterval)
			require.Equal(rt, want, v.value())
		}
	})
}

func TestIntervalKeepsToItsBounds(t *testing.T) {
	for distance, want := range map[time.Duration]time.Duration{
		time.Nanosecond:        MinInterval,
		100 * time.Millisecond: MinInterval,
		5 * time.Second:        5 * time.Second,
		24 * time.Hour:         MaxInterval,
		290 * 365 * time.Hour:  MaxInterval,
	} {
		var v interval
		v.learn(int64(distance))
		require.Equal(t, want, v.value(), "distance %s", distance)
	}
}
