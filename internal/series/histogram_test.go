// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var nan = math.NaN()

// histogramOf counts observations into bounds.
func histogramOf(bounds, observed []float64) *Histogram {
	h := &Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds)+1), Min: nan, Max: nan}
	for _, v := range observed {
		h.Counts[sort.SearchFloat64s(bounds, v)]++
		h.Count++
		h.Sum += v
	}
	return h
}

func clone(h *Histogram) *Histogram {
	var c Histogram
	c.CopyFrom(h)
	return &c
}

func TestHistogramQuantile(t *testing.T) {
	bounds := []float64{1, 2, 4, 8}
	tests := map[string]struct {
		h    Histogram
		q    float64
		want float64
	}{
		"middle of a bucket":          {Histogram{Bounds: bounds, Counts: []uint64{0, 10, 0, 0, 0}, Min: nan, Max: nan}, 0.5, 1.5},
		"bound between two buckets":   {Histogram{Bounds: bounds, Counts: []uint64{0, 5, 5, 0, 0}, Min: nan, Max: nan}, 0.5, 2},
		"empty buckets are skipped":   {Histogram{Bounds: bounds, Counts: []uint64{0, 5, 0, 5, 0}, Min: nan, Max: nan}, 0.75, 6},
		"first bucket begins at 0":    {Histogram{Bounds: bounds, Counts: []uint64{10, 0, 0, 0, 0}, Min: nan, Max: nan}, 0.5, 0.5},
		"first bucket begins at min":  {Histogram{Bounds: bounds, Counts: []uint64{10, 0, 0, 0, 0}, Min: 0.5, Max: nan}, 0.5, 0.75},
		"first bound not positive":    {Histogram{Bounds: []float64{-1, 1}, Counts: []uint64{10, 0, 0}, Min: nan, Max: nan}, 0.5, -1},
		"last bucket gives its bound": {Histogram{Bounds: bounds, Counts: []uint64{0, 0, 0, 0, 10}, Min: nan, Max: nan}, 0.5, 8},
		"last bucket ends at max":     {Histogram{Bounds: bounds, Counts: []uint64{0, 0, 0, 0, 10}, Min: nan, Max: 10}, 0.5, 9},
		"one bucket with min and max": {Histogram{Counts: []uint64{10}, Min: 10, Max: 20}, 0.5, 15},
		"never beyond max":            {Histogram{Bounds: bounds, Counts: []uint64{0, 0, 0, 10, 0}, Min: nan, Max: 5}, 0.99, 5},
		"infinite last bound":         {Histogram{Bounds: []float64{1, math.Inf(1)}, Counts: []uint64{0, 10, 0}, Min: nan, Max: nan}, 0.5, 1},
		"huge bounds do not overflow": {Histogram{Bounds: []float64{-math.MaxFloat64, math.MaxFloat64}, Counts: []uint64{0, 10, 0}, Min: nan, Max: nan}, 0.5, 0},
		"one bucket, nothing known":   {Histogram{Counts: []uint64{10}, Min: nan, Max: nan}, 0.5, nan},
		"no buckets":                  {Histogram{Count: 10}, 0.5, nan},
		"no observations":             {Histogram{Bounds: bounds, Counts: make([]uint64, 5)}, 0.5, nan},
	}
	for name, tt := range tests {
		got := tt.h.Quantile(tt.q)
		if math.IsNaN(tt.want) {
			require.True(t, math.IsNaN(got), "%s: %v", name, got)
			continue
		}
		require.InDelta(t, tt.want, got, 1e-12, name)
	}
}

func TestHistogramMean(t *testing.T) {
	require.InDelta(t, 2.5, (&Histogram{Count: 4, Sum: 10}).Mean(), 0)
	require.True(t, math.IsNaN((&Histogram{Count: 4, Sum: nan}).Mean()), "a histogram without a sum has no mean")
	require.True(t, math.IsNaN((&Histogram{Sum: 10}).Mean()), "nothing observed has no mean")
}

func TestHistogramCheck(t *testing.T) {
	tests := map[string]struct {
		h   Histogram
		why Reason
	}{
		"fits":                   {Histogram{Bounds: []float64{1}, Counts: []uint64{1, 2}}, Scored},
		"no buckets":             {Histogram{}, Scored},
		"one bucket":             {Histogram{Counts: []uint64{1}}, Scored},
		"bounds but no counts":   {Histogram{Bounds: []float64{1}}, Malformed},
		"too few counts":         {Histogram{Bounds: []float64{1, 2}, Counts: []uint64{1, 2}}, Malformed},
		"too many counts":        {Histogram{Bounds: []float64{1}, Counts: []uint64{1, 2, 3}}, Malformed},
		"bounds fall":            {Histogram{Bounds: []float64{2, 1}, Counts: []uint64{1, 2, 3}}, Malformed},
		"bounds repeat":          {Histogram{Bounds: []float64{1, 1}, Counts: []uint64{1, 2, 3}}, Malformed},
		"a bound is no number":   {Histogram{Bounds: []float64{nan}, Counts: []uint64{1, 2}}, Malformed},
		"more than can be meant": {Histogram{Bounds: make([]float64, MaxBuckets), Counts: make([]uint64, MaxBuckets+1)}, TooManyBuckets},
	}
	for name, tt := range tests {
		require.Equal(t, tt.why, tt.h.Check(), name)
	}
}

func TestHistogramAdvanceIsTheIntervalsDistribution(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bounds := []float64{0, 5, 10, 25, 50}
		value := rapid.Float64Range(-10, 100)
		var all []float64
		var memory Histogram
		memory.CopyFrom(histogramOf(bounds, nil))
		for range rapid.IntRange(1, 8).Draw(rt, "points") {
			fresh := rapid.SliceOfN(value, 0, 20).Draw(rt, "observed")
			all = append(all, fresh...)
			cumulative := histogramOf(bounds, all)
			next, want := clone(cumulative), histogramOf(bounds, fresh)
			require.Equal(rt, Scored, memory.Advance(next))
			require.Equal(rt, want.Counts, next.Counts)
			require.Equal(rt, want.Count, next.Count)
			require.InDelta(rt, want.Sum, next.Sum, 1e-6)
			require.Equal(rt, cumulative.Counts, memory.Counts, "the memory is what was read")
			require.Equal(rt, cumulative.Count, memory.Count)
		}
	})
}

func TestHistogramAdvanceTellsResetsAndNewBounds(t *testing.T) {
	base := func() *Histogram { return histogramOf([]float64{1, 2}, []float64{0.5, 1.5, 1.5, 3}) }
	tests := map[string]struct {
		next *Histogram
		why  Reason
	}{
		"the same again":                  {base(), Scored},
		"fewer observations":              {histogramOf([]float64{1, 2}, []float64{0.5}), Reset},
		"more, but fewer in one bucket":   {histogramOf([]float64{1, 2}, []float64{0.5, 0.5, 0.5, 3, 3}), Reset},
		"other bounds":                    {histogramOf([]float64{1, 3}, []float64{0.5, 1.5, 1.5, 3, 3}), BoundsChanged},
		"other number of bounds":          {histogramOf([]float64{1}, []float64{0.5, 1.5, 1.5, 3, 3}), BoundsChanged},
		"buckets are gone, the count not": {&Histogram{Count: 10}, BoundsChanged},
	}
	for name, tt := range tests {
		memory, next := base(), clone(tt.next)
		require.Equal(t, tt.why, memory.Advance(next), name)
		require.Equal(t, tt.next.Counts, append([]uint64(nil), memory.Counts...), "%s: the next interval begins here", name)
		require.Equal(t, tt.next.Count, memory.Count, name)
		if tt.why != Scored {
			require.Equal(t, tt.next.Counts, append([]uint64(nil), next.Counts...), "%s: unchanged", name)
		}
	}
}

func TestHistogramIntervalHasNoLifetimeExtremes(t *testing.T) {
	memory, next := histogramOf([]float64{1}, nil), histogramOf([]float64{1}, []float64{5})
	next.Min, next.Max = 0.001, 900 // of the process's whole life
	require.Equal(t, Scored, memory.Advance(next))
	require.True(t, math.IsNaN(next.Min) && math.IsNaN(next.Max))
}

// FuzzHistogram feeds random bucket sequences: whatever comes, nothing
// panics, an interval holds what the two ends differ by, and quantiles rise
// with q.
func FuzzHistogram(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 4, 5, 6, 7, 8}, 1.0, 2.0)
	f.Add([]byte{0, 255, 0, 255}, -1.0, math.Inf(1))
	f.Fuzz(func(t *testing.T, counts []byte, first, width float64) {
		var memory Histogram
		for len(counts) > 0 {
			n := min(int(counts[0])%8, len(counts)-1)
			raw := counts[1 : 1+n]
			counts = counts[1+n:]
			next := &Histogram{Sum: first, Min: nan, Max: nan}
			for i, c := range raw {
				next.Counts = append(next.Counts, uint64(c)<<(8*(i%8)))
				next.Count += next.Counts[i]
				if i > 0 {
					next.Bounds = append(next.Bounds, first+width*float64(i))
				}
			}
			if next.Check() != Scored {
				continue
			}
			was := clone(next)
			before := clone(&memory)
			if memory.Advance(next) == Scored {
				for i := range next.Counts {
					require.Equal(t, was.Counts[i], before.Counts[i]+next.Counts[i])
				}
			}
			require.Equal(t, was.Count, memory.Count)
			requireRising(t, next.Quantile)
		}
	})
}

func requireRising(t require.TestingT, quantile func(float64) float64) {
	last := math.Inf(-1)
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
		v := quantile(q)
		if math.IsNaN(v) {
			return // unknown for one q is unknown for all
		}
		if !math.IsInf(v, 1) { // a bucket that no float64 reaches
			require.GreaterOrEqual(t, v, last-1e-9*math.Abs(last), "quantile %v", q)
		}
		last = v
	}
}

func BenchmarkHistogramAdvance(b *testing.B) {
	bounds := []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}
	memory, next := histogramOf(bounds, []float64{1, 7, 30}), histogramOf(bounds, []float64{1, 7, 30, 80})
	var scratch Histogram
	b.ReportAllocs()
	for b.Loop() {
		scratch.CopyFrom(next)
		memory.Advance(&scratch)
	}
}
