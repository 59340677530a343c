// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const second = int64(time.Second)

// at is a moment of a test's story, in seconds.
func at(s float64) int64 { return epoch.UnixNano() + int64(s*1e9) }

// step is one reading and what must come of it.
type step struct {
	at    float64 // seconds into the story
	start float64 // seconds into the story; NaN is unset
	i     int64   // the number, if f is 0
	f     float64
	kind  uint32  // 0 is 1
	late  float64 // received this many seconds after at
	none  bool    // the no-recorded-value flag
	why   Reason
	want  float64
	gap   bool
	fresh bool
}

var unset = math.NaN()

func play(t *testing.T, shape Shape, steps []step) {
	t.Helper()
	var m Memory
	for n, s := range steps {
		r := Reading{Shape: shape, Integer: s.f == 0, Int: s.i, Float: s.f, Time: at(s.at), Kind: max(s.kind, 1), NoValue: s.none}
		r.Received = r.Time + int64(s.late*1e9)
		if !math.IsNaN(s.start) {
			r.Start = at(s.start)
		}
		sample, why := m.Observe(&r)
		require.Equal(t, s.why, why, "step %d", n)
		if why != Scored {
			require.Zero(t, sample, "step %d", n)
			continue
		}
		require.InDelta(t, s.want, sample.Value, 1e-9, "step %d", n)
		require.Equal(t, r.Time, sample.Time, "step %d", n)
		require.Equal(t, s.gap, sample.Gap, "step %d: gap", n)
		require.Equal(t, s.fresh, sample.Fresh, "step %d: fresh", n)
	}
}

func TestValueIsScoredAsItIs(t *testing.T) {
	play(t, Value, []step{
		{at: 0, start: unset, f: 0.5, want: 0.5},
		{at: 5, start: unset, i: 7, want: 7},
		{at: 10, start: unset, i: 0, want: 0},
		{at: 15, start: unset, f: -3, want: -3},
		{at: 20, start: unset, i: 1 << 60, want: 1 << 60},
	})
}

func TestCumulativeCounterIsARate(t *testing.T) {
	tests := map[string][]step{
		"integers": {
			{at: 0, start: -100, i: 1000, why: FirstPoint},
			{at: 10, start: -100, i: 1050, want: 5},
			{at: 15, start: -100, i: 1050, want: 0},
			{at: 20, start: -100, i: 1100, want: 10},
		},
		"doubles": {
			{at: 0, start: unset, f: 1.5, why: FirstPoint},
			{at: 10, start: unset, f: 2.5, want: 0.1},
		},
		"integers beyond 2^53": {
			{at: 0, start: unset, i: 1<<53 + 1, why: FirstPoint},
			{at: 1, start: unset, i: 1<<53 + 2, want: 1},
			{at: 2, start: unset, i: math.MaxInt64 - 3, want: math.MaxInt64 - 3 - (1<<53 + 2)},
			{at: 3, start: unset, i: math.MaxInt64, want: 3},
		},
		"a difference that no int64 holds": {
			{at: 0, start: unset, i: math.MinInt64, why: FirstPoint},
			{at: 1, start: unset, i: math.MaxInt64, want: math.MaxUint64},
		},
		"integer and double mixed": {
			{at: 0, start: unset, i: 10, why: FirstPoint},
			{at: 10, start: unset, f: 11.5, want: 0.15},
			{at: 20, start: unset, i: 13, want: 0.15},
		},
		"reset by a drop": {
			{at: 0, start: unset, i: 1000, why: FirstPoint},
			{at: 10, start: unset, i: 1100, want: 10},
			{at: 20, start: unset, i: 40, why: Reset},
			{at: 30, start: unset, i: 60, want: 2},
		},
		"reset by a new start time, though the number grew": {
			{at: 0, start: -100, i: 10, why: FirstPoint},
			{at: 10, start: -100, i: 20, want: 1},
			{at: 20, start: 11, i: 500, why: Reset},
			{at: 30, start: 11, i: 600, want: 10},
		},
		"a start that is refined but not after the point before is no reset": {
			{at: 0, start: -100, i: 10, why: FirstPoint},
			{at: 10, start: -99.9, i: 20, want: 1},
			{at: 20, start: -100.1, i: 30, want: 1},
		},
		"a start after its own point is ignored": {
			{at: 0, start: -100, i: 10, why: FirstPoint},
			{at: 10, start: 99, i: 20, want: 1},
		},
		"a start that says now every time is not believed for long": {
			{at: 0, start: 0, i: 10, why: FirstPoint},
			{at: 10, start: 10, i: 20, why: Reset},
			{at: 20, start: 20, i: 30, why: Reset},
			{at: 30, start: 30, i: 40, want: 1},
			{at: 40, start: 40, i: 50, want: 1},
			{at: 50, start: 50, i: 5, why: Reset},   // a drop always counts
			{at: 60, start: 50, i: 15, want: 1},     // and a start that stays is believed again
			{at: 70, start: 65, i: 100, why: Reset}, //
		},
		"after a gap the mean over the gap": {
			{at: 0, start: unset, i: 0, why: FirstPoint},
			{at: 10, start: unset, i: 10, want: 1},
			{at: 210, start: unset, i: 410, want: 2, gap: true},
			{at: 220, start: unset, i: 420, want: 1},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) { play(t, CumulativeCounter, steps) })
	}
}

func TestDeltaIsARateOverItsOwnInterval(t *testing.T) {
	tests := map[string][]step{
		"its own interval": {
			{at: 60, start: 0, i: 30, want: 0.5},
			{at: 120, start: 110, i: 30, want: 3},
		},
		"no start: the distance to the point before": {
			{at: 0, start: unset, i: 30, why: FirstPoint},
			{at: 10, start: unset, i: 30, want: 3},
		},
		"start equal to time is no interval": {
			{at: 0, start: 0, i: 30, why: FirstPoint},
			{at: 10, start: 10, i: 30, want: 3},
		},
		"negative, of a sum that is not monotonic": {
			{at: 60, start: 0, i: -30, want: -0.5},
		},
		"gaps are not spread over": {
			{at: 10, start: 0, i: 30, want: 3},
			{at: 20, start: 10, i: 30, want: 3},
			{at: 620, start: 610, i: 30, want: 3, gap: true},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) { play(t, Delta, steps) })
	}
}

func TestWhatIsNotScored(t *testing.T) {
	tests := map[string][]step{
		"no recorded value": {
			{at: 0, start: unset, i: 1, want: 1},
			{at: 5, start: unset, none: true, why: NoRecorded},
			{at: 10, start: unset, i: 1, want: 1},
		},
		"not a number, infinite": {
			{at: 0, start: unset, f: math.NaN(), why: NotANumber},
			{at: 5, start: unset, f: math.Inf(1), why: Infinite},
			{at: 10, start: unset, f: math.Inf(-1), why: Infinite},
			{at: 10, start: unset, i: 1, want: 1},
		},
		"time does not advance": {
			{at: 10, start: unset, i: 1, want: 1},
			{at: 10, start: unset, i: 1, why: Duplicate},
			{at: 10, start: unset, i: 2, why: Conflict},
			{at: 10, start: unset, f: 1.5, why: Conflict},
			{at: 9, start: unset, i: 1, why: OutOfOrder},
			{at: 11, start: unset, i: 1, want: 1},
		},
		"from the future": {
			{at: 0, start: unset, i: 1, want: 1},
			{at: 100, start: unset, i: 2, late: -61, why: FromFuture},
			{at: 60, start: unset, i: 3, late: -59, want: 3},
		},
		"a clock that was set back does not silence the series": {
			{at: 7200, start: unset, i: 1, want: 1},
			{at: 7205, start: unset, i: 1, want: 1},
			{at: 3600, start: unset, i: 2, want: 2},
			{at: 3605, start: unset, i: 2, want: 2},
		},
		"another type or unit": {
			{at: 0, start: unset, i: 1, want: 1},
			{at: 5, start: unset, i: 2, kind: 2, why: TypeChanged},
			{at: 10, start: unset, i: 1, want: 1},
			{at: 15, start: unset, i: 2, kind: 2, why: TypeChanged},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) { play(t, Value, steps) })
	}
	t.Run("no timestamp", func(t *testing.T) {
		for _, nanos := range []int64{0, -1, math.MinInt64} {
			_, why := new(Memory).Observe(&Reading{Time: nanos})
			require.Equal(t, NoTimestamp, why)
		}
	})
	t.Run("a rate that overflows", func(t *testing.T) {
		var m Memory
		_, why := m.Observe(&Reading{Shape: CumulativeCounter, Float: -math.MaxFloat64, Time: 1})
		require.Equal(t, FirstPoint, why)
		_, why = m.Observe(&Reading{Shape: CumulativeCounter, Float: math.MaxFloat64, Time: 2})
		require.Equal(t, Infinite, why)
	})
}

func TestTypeThatChangedForGoodIsAdopted(t *testing.T) {
	steps := []step{{at: 0, start: unset, i: 1, want: 1}, {at: 1, start: unset, i: 1, want: 1}}
	for i := range kindPatience - 1 {
		steps = append(steps, step{at: float64(2 + i), start: unset, i: 9, kind: 2, why: TypeChanged})
	}
	steps = append(steps,
		step{at: 20, start: unset, i: 9, kind: 2, want: 9, fresh: true},
		step{at: 21, start: unset, i: 9, kind: 2, want: 9},
		step{at: 22, start: unset, i: 1, kind: 1, why: TypeChanged})
	play(t, Value, steps)
	// Two producers that take turns never persuade it.
	steps = nil
	for i := range 5 * kindPatience {
		steps = append(steps, step{at: float64(2 * i), start: unset, i: 1, want: 1},
			step{at: float64(2*i + 1), start: unset, i: 9, kind: 2, why: TypeChanged})
	}
	play(t, Value, steps)
}

func TestSampleTellsTheLearnedInterval(t *testing.T) {
	var m Memory
	require.False(t, m.Seen())
	var sample Sample
	for i, s := range []float64{0, 5, 10, 15.2, 20, 3600} {
		var why Reason
		sample, why = m.Observe(&Reading{Time: at(s), Kind: 1})
		require.Equal(t, Scored, why)
		if i == 0 {
			require.Zero(t, sample.Interval)
			require.Zero(t, sample.Elapsed)
		}
	}
	require.Equal(t, 5*time.Second, sample.Interval)
	require.Equal(t, 3580*time.Second, sample.Elapsed)
	require.True(t, sample.Gap)
	require.Equal(t, at(3600), m.LastTime())
	require.Equal(t, sample.Interval, m.Interval())
	require.True(t, m.Seen())
}

func TestObserveDoesNotAllocate(t *testing.T) {
	var m Memory
	r := Reading{Shape: CumulativeCounter, Integer: true, Kind: 1}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		r.Time += second
		r.Int += 3
		m.Observe(&r)
	}))
}

func TestReasonsAreDistinct(t *testing.T) {
	seen := map[Reason]bool{Scored: true}
	for _, why := range Reasons() {
		require.False(t, seen[why], "%q is listed twice or empty", why)
		seen[why] = true
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, jitter := range map[string]int64{"steady": 0, "jitter": 7_000_000} {
		b.Run(name, func(b *testing.B) {
			var m Memory
			r := Reading{Shape: CumulativeCounter, Integer: true, Kind: 1}
			b.ReportAllocs()
			for i := int64(0); b.Loop(); i++ {
				r.Time += 5*second + (i*7919%11-5)*jitter
				r.Int += 3
				m.Observe(&r)
			}
		})
	}
}
