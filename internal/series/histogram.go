// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"slices"
)

// MaxBuckets bounds the buckets of a histogram, and of each side of an
// exponential histogram. SDKs make 16 and 160.
const MaxBuckets = 1024

// Histogram counts observations in buckets with explicit bounds. Bucket i
// holds the observations in (Bounds[i-1], Bounds[i]], the first and the last
// are open. Without buckets both slices are empty.
type Histogram struct {
	Bounds []float64
	Counts []uint64 // len(Bounds)+1
	Count  uint64
	Sum    float64 // NaN where unknown
	Min    float64 // NaN where unknown
	Max    float64 // NaN where unknown
}

// Check gives the reason why the histogram cannot be used, or Scored.
func (h *Histogram) Check() Reason {
	if len(h.Counts) > MaxBuckets {
		return TooManyBuckets
	}
	if len(h.Counts) != len(h.Bounds)+1 && len(h.Counts)+len(h.Bounds) != 0 {
		return Malformed
	}
	for i, b := range h.Bounds {
		if math.IsNaN(b) || (i > 0 && b <= h.Bounds[i-1]) {
			return Malformed
		}
	}
	return Scored
}

// CopyFrom makes h a copy of src in h's own memory.
func (h *Histogram) CopyFrom(src *Histogram) {
	bounds, counts := h.Bounds[:0], h.Counts[:0]
	bounds = append(bounds, src.Bounds...)
	counts = append(counts, src.Counts...)
	*h = *src
	h.Bounds, h.Counts = bounds, counts
}

// Advance turns the cumulative histogram next into the distribution of the
// interval since h, and h into what next was. Where the reason is not Scored
// (Reset, BoundsChanged) there is no such distribution, and next is unchanged.
// Min and Max of a cumulative histogram are of its whole life, so the interval
// has none.
func (h *Histogram) Advance(next *Histogram) Reason {
	why := h.precedes(next)
	if why != Scored {
		h.CopyFrom(next)
		return why
	}
	for i, n := range next.Counts {
		next.Counts[i] = n - h.Counts[i]
		h.Counts[i] = n
	}
	next.Count, h.Count = next.Count-h.Count, next.Count
	next.Sum, h.Sum = next.Sum-h.Sum, next.Sum
	h.Min, h.Max = next.Min, next.Max
	next.Min, next.Max = math.NaN(), math.NaN()
	return Scored
}

func (h *Histogram) precedes(next *Histogram) Reason {
	if !slices.Equal(h.Bounds, next.Bounds) || len(h.Counts) != len(next.Counts) {
		return BoundsChanged
	}
	if next.Count < h.Count {
		return Reset
	}
	for i, n := range next.Counts {
		if n < h.Counts[i] {
			return Reset
		}
	}
	return Scored
}

// Mean is the mean of the observations, NaN where it is unknown or there are
// none.
func (h *Histogram) Mean() float64 { return mean(h.Sum, h.Count) }

func mean(sum float64, count uint64) float64 {
	if count == 0 {
		return math.NaN()
	}
	return sum / float64(count)
}

// Quantile is the value below which the share q of the observations lies,
// found by linear interpolation within its bucket, as
// Prometheus' histogram_quantile does. The open buckets end at Min and Max
// where these are known; otherwise the first begins at 0 if its bound is
// positive, and an open bucket gives its one bound. NaN where there are no
// buckets or no observations.
func (h *Histogram) Quantile(q float64) float64 {
	total := sum(h.Counts)
	if total == 0 {
		return math.NaN()
	}
	rank := q * total
	below := 0.0
	last := 0
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		last = i
		if below+float64(n) >= rank {
			break
		}
		below += float64(n)
	}
	lower, upper := h.span(last)
	share := min(max((rank-below)/float64(h.Counts[last]), 0), 1)
	// Not lower+(upper-lower)*share: the difference may overflow.
	return clampKnown(lower*(1-share)+upper*share, h.Min, h.Max)
}

// span is what bucket i covers, as far as it is known.
func (h *Histogram) span(i int) (lower, upper float64) {
	lower, upper = h.Min, h.Max
	if i < len(h.Bounds) && !math.IsInf(h.Bounds[i], 1) {
		upper = h.Bounds[i]
	}
	switch {
	case i > 0 && !math.IsInf(h.Bounds[i-1], -1):
		lower = h.Bounds[i-1]
	case math.IsNaN(lower) && upper > 0:
		lower = 0
	}
	if math.IsNaN(lower) || math.IsInf(lower, 0) {
		lower = upper
	}
	if math.IsNaN(upper) || math.IsInf(upper, 0) {
		upper = lower
	}
	return lower, upper
}

// clampKnown keeps v between lo and hi, as far as these are known.
func clampKnown(v, lo, hi float64) float64 {
	if v < lo {
		return lo
	}
	if v > hi {
		return hi
	}
	return v
}

func sum(counts []uint64) float64 {
	total := 0.0
	for _, n := range counts {
		total += float64(n)
	}
	return total
}
