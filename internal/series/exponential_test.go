// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// bucketNumber is the definition: the i for which base^i < v <= base^(i+1).
func bucketNumber(v float64, scale int32) int64 {
	i := int64(math.Ceil(math.Log2(v)*math.Exp2(float64(scale)))) - 1
	for lowerBound(float64(i), scale) >= v {
		i--
	}
	for lowerBound(float64(i+1), scale) < v {
		i++
	}
	return i
}

func (b *Buckets) add(number int64) {
	if len(b.Counts) == 0 {
		b.Offset = int32(number)
	}
	for number < int64(b.Offset) {
		b.Counts = slices.Insert(b.Counts, 0, 0)
		b.Offset--
	}
	for number >= int64(b.Offset)+int64(len(b.Counts)) {
		b.Counts = append(b.Counts, 0)
	}
	b.Counts[number-int64(b.Offset)]++
}

func exponentialOf(scale int32, threshold float64, observed []float64) *Exponential {
	e := &Exponential{Scale: scale, ZeroThreshold: threshold, Min: nan, Max: nan}
	for _, v := range observed {
		e.Count++
		e.Sum += v
		switch {
		case math.Abs(v) <= threshold:
			e.ZeroCount++
		case v > 0:
			e.Positive.add(bucketNumber(v, scale))
		default:
			e.Negative.add(bucketNumber(-v, scale))
		}
	}
	return e
}

func cloneExponential(e *Exponential) *Exponential {
	var c Exponential
	c.CopyFrom(e)
	return &c
}

// hundredths are observations that do not spread over thousands of buckets, as
// numbers next to 0 would.
func hundredths(most int) *rapid.Generator[float64] {
	return rapid.Map(rapid.IntRange(-most, most), func(n int) float64 { return float64(n) / 100 })
}

// contents is what a side holds, without the empty buckets.
func contents(b Buckets) map[int64]uint64 {
	m := map[int64]uint64{}
	for i, n := range b.Counts {
		if n > 0 {
			m[int64(b.Offset)+int64(i)] = n
		}
	}
	return m
}

func requireSame(t require.TestingT, want, got *Exponential) {
	require.Equal(t, want.Scale, got.Scale)
	require.Equal(t, want.Count, got.Count)
	require.Equal(t, want.ZeroCount, got.ZeroCount)
	require.Equal(t, contents(want.Positive), contents(got.Positive))
	require.Equal(t, contents(want.Negative), contents(got.Negative))
	require.InDelta(t, want.Sum, got.Sum, 1e-6)
}

func TestExponentialAdvanceIsTheIntervalsDistribution(t *testing.T) {
	// SDKs start fine and get coarser; offsets move with what is observed.
	rapid.Check(t, func(rt *rapid.T) {
		value := hundredths(1_000_000)
		var all []float64
		scale := int32(5)
		memory := exponentialOf(scale, 0, nil)
		for range rapid.IntRange(1, 8).Draw(rt, "points") {
			fresh := rapid.SliceOfN(value, 0, 10).Draw(rt, "observed")
			all = append(all, fresh...)
			scale -= int32(rapid.IntRange(0, 2).Draw(rt, "coarser"))
			cumulative := exponentialOf(scale, 0, all)
			next := cloneExponential(cumulative)
			require.Equal(rt, Scored, memory.Advance(next))
			requireSame(rt, exponentialOf(scale, 0, fresh), next)
			requireSame(rt, cumulative, memory)
			scale = max(scale, minScale)
		}
	})
}

func TestExponentialFinerThanBeforeIsMadeCoarser(t *testing.T) {
	before, fresh := []float64{1.5, 3, 100}, []float64{7, 9, 200}
	memory := exponentialOf(2, 0, before)
	next := exponentialOf(6, 0, slices.Concat(before, fresh))
	require.Equal(t, Scored, memory.Advance(next))
	requireSame(t, exponentialOf(2, 0, fresh), next)
	requireSame(t, exponentialOf(2, 0, slices.Concat(before, fresh)), memory)
}

func TestExponentialZeroThresholdGrows(t *testing.T) {
	before, fresh := []float64{0, 0.3, 0.6, 5, -0.3, -7}, []float64{0.01, 0.3, 8, -0.2}
	memory := exponentialOf(0, 0, before)
	next := exponentialOf(0, 0.5, slices.Concat(before, fresh)) // 0.5 is a bound of scale 0
	require.Equal(t, Scored, memory.Advance(next))
	requireSame(t, exponentialOf(0, 0.5, fresh), next)
	require.InDelta(t, 0.5, next.ZeroThreshold, 0)

	// A threshold within a populated bucket takes the bucket whole, on both ends.
	memory = exponentialOf(0, 0, before)
	next = exponentialOf(0, 0.4, slices.Concat(before, fresh))
	require.Equal(t, Scored, memory.Advance(next))
	require.InDelta(t, 0.5, next.ZeroThreshold, 0, "0.3 lies in (0.25, 0.5], which the threshold would split")
	requireSame(t, exponentialOf(0, 0.5, fresh), next)
}

func TestExponentialResets(t *testing.T) {
	base := []float64{0, 1.5, 3, 3, -4}
	tests := map[string][]float64{
		"fewer":                         {1.5},
		"more, but fewer in one bucket": {0, 1.5, 1.5, 1.5, 3, -4, 9},
		"more, but a bucket is gone":    {0, 1.5, 9, 9, 9, 9, -4},
		"more, but fewer negative":      {0, 1.5, 3, 3, 3, 3},
		"more, but fewer zeros":         {1.5, 1.5, 3, 3, -4, 5},
	}
	for name, observed := range tests {
		memory, next := exponentialOf(3, 0, base), exponentialOf(3, 0, observed)
		require.Equal(t, Reset, memory.Advance(next), name)
		requireSame(t, exponentialOf(3, 0, observed), memory)
	}
}

func TestExponentialFarApartOffsetsNeedNoMemory(t *testing.T) {
	memory := &Exponential{Count: 1, Positive: Buckets{Offset: math.MinInt32, Counts: []uint64{0}}}
	next := &Exponential{Count: 3, Positive: Buckets{Offset: math.MaxInt32, Counts: []uint64{1, 2}}}
	require.Equal(t, Scored, memory.Advance(next))
	require.Equal(t, []uint64{1, 2}, next.Positive.Counts)
	require.LessOrEqual(t, cap(memory.Positive.Counts), 8)
}

func TestExponentialQuantile(t *testing.T) {
	side := func(offset int32, counts ...uint64) Buckets { return Buckets{Offset: offset, Counts: counts} }
	tests := map[string]struct {
		e    Exponential
		q    float64
		want float64
	}{
		"middle of a bucket, exponentially": {Exponential{Positive: side(0, 10)}, 0.5, math.Sqrt2},
		"end of a bucket":                   {Exponential{Positive: side(2, 10)}, 1, 8},
		"finer scale":                       {Exponential{Scale: 1, Positive: side(0, 10)}, 1, math.Sqrt2},
		"coarser scale":                     {Exponential{Scale: -1, Positive: side(0, 10)}, 1, 4},
		"empty buckets are skipped":         {Exponential{Positive: side(0, 5, 0, 0, 5)}, 0.75, 8 * math.Sqrt2},
		"negative, from below":              {Exponential{Negative: side(0, 5, 5)}, 0.25, -2 * math.Sqrt2},
		"negative, the last":                {Exponential{Negative: side(0, 5, 5)}, 1, -1},
		"zero only":                         {Exponential{ZeroCount: 5}, 0.5, 0},
		"zero bucket, both sides":           {Exponential{ZeroCount: 8, ZeroThreshold: 0.5, Positive: side(0, 1), Negative: side(0, 1)}, 0.5, 0},
		"zero bucket, nothing negative":     {Exponential{ZeroCount: 8, ZeroThreshold: 0.5, Positive: side(0, 8)}, 0.25, 0.25},
		"zero bucket, nothing positive":     {Exponential{ZeroCount: 8, ZeroThreshold: 0.5, Negative: side(0, 8)}, 0.75, -0.25},
		"negative bucket within zero":       {Exponential{ZeroCount: 2, ZeroThreshold: 17, Negative: side(0, 2)}, 0.25, -17},
		"positive bucket within zero":       {Exponential{ZeroCount: 2, ZeroThreshold: 17, Positive: side(0, 2)}, 0.75, 17},
		"positive after zero":               {Exponential{ZeroCount: 5, Positive: side(0, 5)}, 0.75, math.Sqrt2},
		"never beyond max":                  {Exponential{Positive: side(0, 10), Min: 1.1, Max: 1.2}, 0.99, 1.2},
		"nothing observed":                  {Exponential{}, 0.5, nan},
	}
	for name, tt := range tests {
		if tt.e.Max == 0 {
			tt.e.Min, tt.e.Max = nan, nan
		}
		got := tt.e.Quantile(tt.q)
		if math.IsNaN(tt.want) {
			require.True(t, math.IsNaN(got), "%s: %v", name, got)
			continue
		}
		require.InDelta(t, tt.want, got, 1e-12, name)
	}
}

func TestExponentialQuantileIsWithinABucketOfTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		observed := rapid.SliceOfN(hundredths(100_000), 1, 100).Draw(rt, "observed")
		e := exponentialOf(3, 0, observed)
		slices.Sort(observed)
		for _, q := range []float64{0.1, 0.5, 0.95, 0.99} {
			truth := observed[max(int(math.Ceil(q*float64(len(observed))))-1, 0)]
			// Scale 3 has buckets of 9 %; an estimate lies in the bucket of the truth.
			require.InDelta(rt, truth, e.Quantile(q), 0.0906*math.Abs(truth)+1e-12, "quantile %v", q)
		}
	})
}

func TestExponentialCheck(t *testing.T) {
	tests := map[string]struct {
		e   Exponential
		why Reason
	}{
		"empty":                  {Exponential{}, Scored},
		"finest":                 {Exponential{Scale: 20}, Scored},
		"finer than defined":     {Exponential{Scale: 21}, Malformed},
		"coarsest":               {Exponential{Scale: -10}, Scored},
		"coarser than defined":   {Exponential{Scale: -11}, Malformed},
		"negative threshold":     {Exponential{ZeroThreshold: -1}, Malformed},
		"no threshold":           {Exponential{ZeroThreshold: nan}, Malformed},
		"endless threshold":      {Exponential{ZeroThreshold: math.Inf(1)}, Malformed},
		"too many positive ones": {Exponential{Positive: Buckets{Counts: make([]uint64, MaxBuckets+1)}}, TooManyBuckets},
		"too many negative ones": {Exponential{Negative: Buckets{Counts: make([]uint64, MaxBuckets+1)}}, TooManyBuckets},
	}
	for name, tt := range tests {
		require.Equal(t, tt.why, tt.e.Check(), name)
	}
}

// FuzzExponential feeds random sequences of exponential histograms: whatever
// comes, nothing panics, no observation is lost, and quantiles rise with q.
func FuzzExponential(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, int32(3), int32(0), 0.0)
	f.Add([]byte{0, 9, 255, 1, 2, 255}, int32(-10), int32(math.MaxInt32), 0.5)
	f.Add([]byte{7, 7, 7, 7, 7, 7, 7}, int32(20), int32(math.MinInt32), 1e300)
	f.Fuzz(func(t *testing.T, counts []byte, scale, offset int32, threshold float64) {
		memory := &Exponential{Scale: scale}
		if memory.Check() != Scored {
			return
		}
		for step := int32(0); len(counts) > 0; step++ {
			n := min(int(counts[0])%8, len(counts)-1)
			raw := counts[1 : 1+n]
			counts = counts[1+n:]
			next := &Exponential{Scale: scale - step%3, ZeroThreshold: threshold * float64(step), Sum: 1, Min: nan, Max: nan}
			next.Positive.Offset, next.Negative.Offset = offset+step, offset-step
			for i, c := range raw {
				switch i % 3 {
				case 0:
					next.Positive.Counts = append(next.Positive.Counts, uint64(c))
				case 1:
					next.Negative.Counts = append(next.Negative.Counts, uint64(c))
				default:
					next.ZeroCount += uint64(c)
				}
				next.Count += uint64(c)
			}
			if next.Check() != Scored {
				continue
			}
			held, had := total(next), total(memory)
			if memory.Advance(next) == Scored {
				require.Equal(t, held, had+total(next))
			}
			require.Equal(t, held, total(memory))
			requireRising(t, next.Quantile)
		}
	})
}

func total(e *Exponential) uint64 {
	n := e.ZeroCount
	for _, c := range e.Positive.Counts {
		n += c
	}
	for _, c := range e.Negative.Counts {
		n += c
	}
	return n
}

func BenchmarkExponentialAdvance(b *testing.B) {
	memory, next := &Exponential{Positive: Buckets{Counts: make([]uint64, 160)}}, &Exponential{Positive: Buckets{Counts: make([]uint64, 160)}}
	var scratch Exponential
	b.ReportAllocs()
	for b.Loop() {
		scratch.CopyFrom(next)
		memory.Advance(&scratch)
	}
}
