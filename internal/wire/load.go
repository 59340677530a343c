// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/series"
)

// maxSummaryQuantiles bounds the fields of one summary point.
const maxSummaryQuantiles = 64

// loadHistogram copies dp into h's own memory.
func loadHistogram(h *series.Histogram, dp pmetric.HistogramDataPoint) {
	h.Count, h.Sum, h.Min, h.Max = dp.Count(), math.NaN(), math.NaN(), math.NaN()
	if dp.HasSum() {
		h.Sum = dp.Sum()
	}
	if dp.HasMin() {
		h.Min = dp.Min()
	}
	if dp.HasMax() {
		h.Max = dp.Max()
	}
	h.Counts, h.Bounds = h.Counts[:0], h.Bounds[:0]
	for i := range dp.BucketCounts().Len() {
		h.Counts = append(h.Counts, dp.BucketCounts().At(i))
	}
	for i := range dp.ExplicitBounds().Len() {
		h.Bounds = append(h.Bounds, dp.ExplicitBounds().At(i))
	}
}

// loadExponential copies dp into e's own memory.
func loadExponential(e *series.Exponential, dp pmetric.ExponentialHistogramDataPoint) {
	e.Count, e.Sum, e.Min, e.Max = dp.Count(), math.NaN(), math.NaN(), math.NaN()
	if dp.HasSum() {
		e.Sum = dp.Sum()
	}
	if dp.HasMin() {
		e.Min = dp.Min()
	}
	if dp.HasMax() {
		e.Max = dp.Max()
	}
	e.Scale, e.ZeroCount, e.ZeroThreshold = dp.Scale(), dp.ZeroCount(), dp.ZeroThreshold()
	loadBuckets(&e.Positive, dp.Positive())
	loadBuckets(&e.Negative, dp.Negative())
}

func loadBuckets(b *series.Buckets, src pmetric.ExponentialHistogramDataPointBuckets) {
	b.Offset, b.Counts = src.Offset(), b.Counts[:0]
	for i := range src.BucketCounts().Len() {
		b.Counts = append(b.Counts, src.BucketCounts().At(i))
	}
}

// names remembers the field names of summaries' quantiles, because making one
// allocates. It is bounded: a producer with more pays for the rest.
type names struct{ known map[float64]string }

const maxNames = 128

// of names a quantile; "" where it is not one.
func (n *names) of(q float64) string {
	if !(q >= 0 && q <= 1) {
		return ""
	}
	if name, ok := n.known[q]; ok {
		return name
	}
	name := series.QuantileField(q)
	if n.known == nil {
		n.known = make(map[float64]string)
	}
	if len(n.known) < maxNames {
		n.known[q] = name
	}
	return name
}
