// SPDX-License-Identifier: Apache-2.0

package series

import "math"

// Scales of exponential histograms that the OTLP data model defines buckets
// for: a bucket is between 0.00007 % and 2^1024 times wide.
const (
	minScale = -10
	maxScale = 20
)

// Exponential counts observations in buckets whose bounds grow exponentially:
// with base = 2^(2^-Scale), bucket i of Positive holds those in
// (base^i, base^(i+1)], and of Negative those whose absolute value lies there.
type Exponential struct {
	Scale         int32
	ZeroCount     uint64
	ZeroThreshold float64 // observations of up to this absolute value count as zero
	Positive      Buckets
	Negative      Buckets
	Count         uint64
	Sum           float64 // NaN where unknown
	Min           float64 // NaN where unknown
	Max           float64 // NaN where unknown
}

// Check gives the reason why the histogram cannot be used, or Scored.
func (e *Exponential) Check() Reason {
	switch {
	case len(e.Positive.Counts) > MaxBuckets || len(e.Negative.Counts) > MaxBuckets:
		return TooManyBuckets
	case e.Scale < minScale || e.Scale > maxScale:
		return Malformed
	case !(e.ZeroThreshold >= 0) || math.IsInf(e.ZeroThreshold, 1):
		return Malformed
	}
	return Scored
}

// CopyFrom makes e a copy of src in e's own memory.
func (e *Exponential) CopyFrom(src *Exponential) {
	positive, negative := e.Positive, e.Negative
	positive.copyFrom(&src.Positive)
	negative.copyFrom(&src.Negative)
	*e = *src
	e.Positive, e.Negative = positive, negative
}

// Advance turns the cumulative histogram next into the distribution of the
// interval since e, and e into what next was, both at the coarser of the two
// scales and the larger of the two zero thresholds. Where the reason is not
// Scored (Reset) there is no such distribution, and next keeps its counts,
// though perhaps at a coarser scale. The interval has neither Min nor Max.
func (e *Exponential) Advance(next *Exponential) Reason {
	if next.Count < e.Count {
		e.CopyFrom(next)
		return Reset
	}
	e.align(next)
	if next.ZeroCount < e.ZeroCount || !next.Positive.covers(&e.Positive) || !next.Negative.covers(&e.Negative) {
		e.CopyFrom(next)
		return Reset
	}
	next.Positive.advance(&e.Positive)
	next.Negative.advance(&e.Negative)
	next.ZeroCount, e.ZeroCount = next.ZeroCount-e.ZeroCount, next.ZeroCount
	next.Count, e.Count = next.Count-e.Count, next.Count
	next.Sum, e.Sum = next.Sum-e.Sum, next.Sum
	e.Min, e.Max = next.Min, next.Max
	next.Min, next.Max = math.NaN(), math.NaN()
	return Scored
}

// align brings both histograms to one scale and one zero threshold without
// losing an observation.
func (e *Exponential) align(other *Exponential) {
	scale := min(e.Scale, other.Scale)
	e.downscale(scale)
	other.downscale(scale)
	threshold := max(e.ZeroThreshold, other.ZeroThreshold)
	if e.ZeroThreshold == threshold && other.ZeroThreshold == threshold {
		return
	}
	// A bucket that the threshold would split is taken whole, which raises the
	// threshold for the other one too. Bounds are shared, so this ends.
	for before := -1.0; before != threshold; {
		before = threshold
		for _, x := range []*Exponential{e, other} {
			threshold = x.Positive.raise(threshold, scale)
			threshold = x.Negative.raise(threshold, scale)
		}
	}
	for _, x := range []*Exponential{e, other} {
		x.ZeroThreshold = threshold
		x.ZeroCount += x.Positive.takeBelow(threshold, scale) + x.Negative.takeBelow(threshold, scale)
	}
}

func (e *Exponential) downscale(scale int32) {
	if by := e.Scale - scale; by > 0 {
		e.Positive.downscale(by)
		e.Negative.downscale(by)
		e.Scale = scale
	}
}

// Mean is the mean of the observations, NaN where it is unknown or there are
// none.
func (e *Exponential) Mean() float64 { return mean(e.Sum, e.Count) }

// Quantile is the value below which the share q of the observations lies,
// found by interpolation within its bucket: exponential, as the bounds are,
// and linear in the zero bucket. NaN where there are no observations.
func (e *Exponential) Quantile(q float64) float64 {
	negative, positive := sum(e.Negative.Counts), sum(e.Positive.Counts)
	total := negative + float64(e.ZeroCount) + positive
	if total == 0 {
		return math.NaN()
	}
	rank := q * total
	var v float64
	switch {
	case negative > 0 && (rank <= negative || negative == total):
		// What is not counted as zero lies beyond the threshold, even where the
		// producer's buckets reach into it.
		v = min(-e.Negative.valueFromEnd(rank, e.Scale), -e.ZeroThreshold)
	case e.ZeroCount > 0 && (rank <= negative+float64(e.ZeroCount) || positive == 0):
		v = e.zeroAt((rank-negative)/float64(e.ZeroCount), negative > 0, positive > 0)
	default:
		v = max(e.Positive.valueFromStart(rank-negative-float64(e.ZeroCount), e.Scale), e.ZeroThreshold)
	}
	return clampKnown(v, e.Min, e.Max)
}

// zeroAt interpolates in the zero bucket, which is one-sided where all other
// observations are on the other side of it.
func (e *Exponential) zeroAt(share float64, negative, positive bool) float64 {
	lower, upper := -e.ZeroThreshold, e.ZeroThreshold
	if !negative {
		lower = 0
	} else if !positive {
		upper = 0
	}
	return lower + (upper-lower)*min(max(share, 0), 1)
}
