// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/series"
)

// ReaderSettings say what is derived from histograms, and bound the memory
// that their differences need.
type ReaderSettings struct {
	Quantiles  []float64     // of histograms, each between 0 and 1 (both excluded); nil means series.DefaultQuantiles
	MaxSeries  int           // distributions (histogram and summary points) remembered at once; at least 1
	StaleAfter time.Duration // a distribution not seen for longer is forgotten by Sweep; at least 1ns
}

// Reader walks metrics. It is safe for concurrent use and does not allocate in
// steady state.
type Reader struct{}

// NewReader makes a Reader. It panics on settings that Validate of a
// component must have refused.
func NewReader(s ReaderSettings) *Reader { return &Reader{} }

// Point is one number of one datapoint. It belongs to the Reader and is
// overwritten after Visit returns; Origin makes a copy that lasts.
type Point struct {
	Key     series.Key     // of the number: includes Field
	Reading series.Reading // to be folded by the series.Memory of Key
	// Reason is set where the reading cannot be scored whatever came before
	// it (NaN, no value, malformed, a histogram's first point …). Such a point
	// needs no slot: count it and go on. Field is empty then.
	Reason series.Reason
	Field  string // "" for the value itself, else series.FieldCountRate, "p99" …

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

// Visitor takes what a Reader finds.
type Visitor interface {
	// Visit is called for every datapoint and derived field, in order, from
	// the goroutine of Read. It may annotate the point and must not keep it.
	Visit(p *Point)
}

// Read walks md and calls v once for every gauge and sum datapoint, and for
// every field derived from a histogram or summary datapoint. A datapoint that
// gives no number is visited once, with its Reason. received is when md
// arrived.
//
//	histogram, exponential histogram   count_rate, mean (if it has a sum), and each quantile, of the interval
//	summary                            count_rate and the quantiles that it carries
//
// Metrics whose name starts with "anomaly." are detection's own and are
// visited with series.OwnOutput.
func (r *Reader) Read(md pmetric.Metrics, received time.Time, v Visitor) {}

// Sweep forgets distributions that were not seen since now - StaleAfter,
// looking at the next limit places, and returns how many.
func (r *Reader) Sweep(now time.Time, limit int) int { return 0 }

// Counts tells how many distributions are remembered, refused and evicted.
// Numbers of gauges and sums are remembered by the caller.
func (r *Reader) Counts() series.Counts { return series.Counts{} }
