// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/zeebo/xxh3"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/series"
)

// shapeOf says how the numbers of a sum, and the counts of a histogram, are to
// be read; Malformed where the producer did not name the temporality.
func shapeOf(temporality pmetric.AggregationTemporality, monotonic bool) (series.Shape, series.Reason) {
	switch {
	case temporality == pmetric.AggregationTemporalityDelta:
		return series.Delta, series.Scored
	case temporality == pmetric.AggregationTemporalityCumulative && monotonic:
		return series.CumulativeCounter, series.Scored
	case temporality == pmetric.AggregationTemporalityCumulative:
		return series.Value, series.Scored
	}
	return series.Value, series.Malformed
}

// kindOf folds what must not change under one name into a number that is not
// 0. Integers and doubles are one kind: producers mix them.
func kindOf(typ pmetric.MetricType, shape series.Shape, unit string) uint32 {
	return uint32(xxh3.HashStringSeed(unit, uint64(typ)<<8|uint64(shape))) | 1
}

// derivedKind is the kind of numbers derived from any distribution, so that
// they continue when a producer turns from one kind of histogram to another.
func derivedKind(unit string) uint32 {
	return kindOf(pmetric.MetricTypeHistogram, series.Value, unit)
}
