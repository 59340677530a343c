// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// Point is one number of one datapoint. It belongs to the Reader and is
// overwritten after Visit returns; Origin makes a copy that lasts.
type Point struct {
	Key     series.Key     // of the number, so it includes Field; zero for series.OwnOutput
	Reading series.Reading // to be folded by the series.Memory of Key
	// Reason is set where the reading cannot be scored whatever came before
	// it: NaN, no value, malformed, the first point of a histogram … Such a
	// point needs no slot: count it and go on.
	Reason series.Reason
	Field  string // "" for the point's own number, else series.FieldCountRate, "p99" …

	Type            pmetric.MetricType
	ResourceMetrics pmetric.ResourceMetrics
	ScopeMetrics    pmetric.ScopeMetrics
	Metric          pmetric.Metric
	Attributes      pcommon.Map // of the datapoint, live: Annotate writes here

	// The datapoint itself; only the one that Type names is valid.
	Number      pmetric.NumberDataPoint // gauges and sums
	Histogram   pmetric.HistogramDataPoint
	Exponential pmetric.ExponentialHistogramDataPoint
	Summary     pmetric.SummaryDataPoint
}

// Resource returns the resource that the point belongs to.
func (p *Point) Resource() pcommon.Resource { return p.ResourceMetrics.Resource() }

// Describe fills what the point itself tells of a finding: series, metric,
// unit, field and times. Resource and Attributes stay as they are, since a
// finding that is written onto the point does not need them.
func (p *Point) Describe(f *finding.Finding) {
	f.Series = p.Key
	f.Metric = p.Metric.Name()
	f.Unit = p.Metric.Unit()
	f.Field = p.Field
	f.Start = timeOf(p.Reading.Start)
	f.Time = timeOf(p.Reading.Time)
	f.Received = timeOf(p.Reading.Received)
}

// timeOf turns Unix nanoseconds into a time, and 0 into the zero time.
func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
