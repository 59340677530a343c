// SPDX-License-Identifier: Apache-2.0

package series

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// counted is the reading of a distribution's count, n observations after s
// seconds.
func counted(shape Shape, s float64, n uint64) *Reading {
	return &Reading{Shape: shape, Integer: true, Int: int64(n), Time: at(s), Kind: uint32(shape) + 1}
}

func TestCumulativeHistogramGivesTheIntervals(t *testing.T) {
	var d Distribution
	bounds := []float64{10, 20}
	observe := func(s float64, observed ...float64) (*Histogram, Sample, Reason) {
		h := histogramOf(bounds, observed)
		rate, why := d.ObserveHistogram(counted(CumulativeCounter, s, h.Count), h)
		return h, rate, why
	}
	_, _, why := observe(0, 5, 5)
	require.Equal(t, FirstPoint, why)
	h, rate, why := observe(10, 5, 5, 15, 15, 15, 15)
	require.Equal(t, Scored, why)
	require.InDelta(t, 0.4, rate.Value, 1e-12)
	require.InDelta(t, 15, h.Mean(), 1e-12)
	require.InDelta(t, 15, h.Quantile(0.5), 1e-12)
	_, _, why = observe(20, 5)
	require.Equal(t, Reset, why, "the count dropped")
	h, _, why = observe(30, 5, 25)
	require.Equal(t, Scored, why)
	require.InDelta(t, 25, h.Mean(), 1e-12)
	_, _, why = observe(40, 15, 15, 15)
	require.Equal(t, Reset, why, "a bucket dropped, though the count grew")
	bounds = []float64{10, 30}
	_, _, why = observe(50, 15, 15, 15, 15)
	require.Equal(t, BoundsChanged, why)
	_, _, why = observe(60, 15, 15, 15, 15)
	require.Equal(t, Scored, why)
	_, _, why = observe(60, 15, 15, 15, 15)
	require.Equal(t, Duplicate, why)
	_, _, why = observe(55, 15, 15, 15, 15)
	require.Equal(t, OutOfOrder, why)
	h, _, why = observe(70, 15, 15, 15, 15, 5)
	require.Equal(t, Scored, why)
	require.InDelta(t, 5, h.Mean(), 1e-12, "what was refused changed nothing")
}

func TestCumulativeExponentialGivesTheIntervals(t *testing.T) {
	var d Distribution
	observe := func(s float64, scale int32, observed ...float64) (*Exponential, Sample, Reason) {
		e := exponentialOf(scale, 0, observed)
		rate, why := d.ObserveExponential(counted(CumulativeCounter, s, e.Count), e)
		return e, rate, why
	}
	_, _, why := observe(0, 3, 1, 2, 3)
	require.Equal(t, FirstPoint, why)
	e, rate, why := observe(10, 1, 1, 2, 3, 40, 50)
	require.Equal(t, Scored, why)
	require.InDelta(t, 0.2, rate.Value, 1e-12)
	require.InDelta(t, 45, e.Mean(), 1e-12)
	_, _, why = observe(20, 1, 1)
	require.Equal(t, Reset, why)
}

func TestDeltaDistributionsAreTakenAsTheyAre(t *testing.T) {
	var d Distribution
	h := histogramOf([]float64{10}, []float64{5, 15})
	count := counted(Delta, 10, h.Count)
	count.Start = at(0)
	rate, why := d.ObserveHistogram(count, h)
	require.Equal(t, Scored, why, "the first delta says all by itself")
	require.InDelta(t, 0.2, rate.Value, 1e-12)
	require.InDelta(t, 10, h.Mean(), 1e-12)

	var x Distribution
	e := exponentialOf(0, 0, []float64{5, 15})
	rate, why = x.ObserveExponential(count, e)
	require.Equal(t, Scored, why)
	require.InDelta(t, 0.2, rate.Value, 1e-12)
	require.InDelta(t, 10, e.Mean(), 1e-12)
}

func TestMalformedDistributionLeavesTheMemory(t *testing.T) {
	var d Distribution
	_, why := d.ObserveHistogram(counted(CumulativeCounter, 0, 1), &Histogram{Bounds: []float64{1}})
	require.Equal(t, Malformed, why)
	_, why = d.ObserveExponential(counted(CumulativeCounter, 0, 1), &Exponential{Scale: 100})
	require.Equal(t, Malformed, why)
	require.Equal(t, Distribution{}, d)
}

func TestDistributionThatTurnsIntoAnotherType(t *testing.T) {
	var d Distribution
	h := histogramOf([]float64{10}, []float64{5})
	_, why := d.ObserveHistogram(counted(CumulativeCounter, 0, 1), h)
	require.Equal(t, FirstPoint, why)
	var last Reason
	for i := range 2 * kindPatience {
		e := exponentialOf(0, 0, []float64{5})
		count := counted(CumulativeCounter, float64(1+i), 1)
		count.Kind = 99
		_, last = d.ObserveExponential(count, e)
		switch {
		case i < kindPatience-1:
			require.Equal(t, TypeChanged, last)
		case i == kindPatience-1:
			require.Equal(t, FirstPoint, last)
			require.Nil(t, d.explicit, "the old buckets are gone")
		default:
			require.Equal(t, Scored, last)
		}
	}
	// A memory without buckets, as after a summary of the same kind.
	d = Distribution{}
	_, why = d.ObserveCount(counted(CumulativeCounter, 0, 1))
	require.Equal(t, FirstPoint, why)
	_, why = d.ObserveHistogram(counted(CumulativeCounter, 1, 1), histogramOf([]float64{10}, []float64{5}))
	require.Equal(t, FirstPoint, why)
}

func TestObservingDistributionsDoesNotAllocate(t *testing.T) {
	var d, x Distribution
	var h Histogram
	var e Exponential
	source := histogramOf([]float64{1, 2, 3}, []float64{0.5, 1.5})
	exponential := exponentialOf(3, 0, []float64{0.5, 1.5, 100})
	s := 0.0
	observe := func() {
		s++
		h.CopyFrom(source)
		e.CopyFrom(exponential)
		d.ObserveHistogram(counted(CumulativeCounter, s, 2), &h)
		x.ObserveExponential(counted(CumulativeCounter, s, 3), &e)
		h.Quantile(0.5)
		e.Quantile(0.5)
	}
	observe()
	require.Zero(t, testing.AllocsPerRun(100, observe))
}

func TestQuantileField(t *testing.T) {
	for q, want := range map[float64]string{
		0.5: "p50", 0.95: "p95", 0.99: "p99", 0.999: "p99.9", 0.9999: "p99.99", 0: "p0", 1: "p100", 0.1: "p10", 0.07: "p7", 0.005: "p0.5",
	} {
		require.Equal(t, want, QuantileField(q))
	}
}

func TestKeyIsShownAsDigits(t *testing.T) {
	require.Equal(t, "00000000000000010000000000abcdef", Key{Hi: 1, Lo: 0xabcdef}.String())
	require.True(t, Key{}.IsZero())
	require.False(t, Key{Lo: 1}.IsZero())
}
