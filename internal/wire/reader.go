// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"time"

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

// Visitor takes what a Reader finds.
type Visitor interface {
	// Visit is called for every datapoint and derived field, in order, from
	// the goroutine of Read and with no lock held. It may annotate the point
	// and must not keep it.
	Visit(p *Point)
}

// Reader walks metrics. It is safe for concurrent use and does not allocate in
// steady state.
type Reader struct {
	quantiles     []quantile // never changes
	distributions *series.Table[series.Distribution]
	walkers       chan *walker // idle ones; a sync.Pool would lose warm ones at every garbage collection
}

// maxIdle bounds the walkers that are kept: one for each Read that runs at the
// same time, of which more than this many would only wait for processors.
const maxIdle = 64

// quantile is one that is derived from histograms, and its name.
type quantile struct {
	q     float64
	field string
}

// NewReader makes a Reader. It panics on settings that Validate of a component
// must have refused.
func NewReader(s ReaderSettings) *Reader {
	r := &Reader{
		quantiles: quantilesOf(s.Quantiles),
		distributions: series.NewTable[series.Distribution](series.TableSettings{
			MaxSeries:  s.MaxSeries,
			StaleAfter: s.StaleAfter,
		}),
		walkers: make(chan *walker, maxIdle),
	}
	return r
}

// take returns an idle walker, or a new one.
func (r *Reader) take() *walker {
	select {
	case w := <-r.walkers:
		return w
	default:
		return &walker{reader: r}
	}
}

// give keeps a walker for later, if there is room.
func (r *Reader) give(w *walker) {
	select {
	case r.walkers <- w:
	default:
	}
}

func quantilesOf(qs []float64) []quantile {
	if qs == nil {
		qs = series.DefaultQuantiles()
	}
	named := make([]quantile, 0, len(qs))
	for _, q := range qs {
		if !(q > 0 && q < 1) {
			panic(fmt.Sprintf("BUG: quantiles must be between 0 and 1 (got %v)", q))
		}
		named = append(named, quantile{q: q, field: series.QuantileField(q)})
	}
	return named
}

// Read walks md and calls v once for every gauge and sum datapoint, and for
// every field derived from a histogram or summary datapoint. A datapoint that
// gives no number is visited once, with its Reason; so is a summary whose rate
// is not known yet, before its quantiles. received is when md arrived; it also
// tells Sweep when a distribution was last seen.
//
//	histogram, exponential histogram   count_rate; of the interval, if anything was observed in it: mean (if there is a sum) and each quantile
//	summary                            count_rate and the quantiles that it carries
//
// Metrics whose name starts with "anomaly." are detection's own and are
// visited with series.OwnOutput.
func (r *Reader) Read(md pmetric.Metrics, received time.Time, v Visitor) {
	w := r.take()
	w.visitor, w.received, w.nanos = v, received, received.UnixNano()
	for i := range md.ResourceMetrics().Len() {
		w.resource(md.ResourceMetrics().At(i))
	}
	w.forget()
	r.give(w)
}

// Sweep forgets distributions that were not seen since now - StaleAfter,
// looking at the next limit places, and returns how many.
func (r *Reader) Sweep(now time.Time, limit int) int {
	return r.distributions.Sweep(now, limit, nil)
}

// Counts tells how many distributions are remembered, refused and evicted.
// Numbers of gauges and sums are remembered by the caller.
func (r *Reader) Counts() series.Counts { return r.distributions.Counts() }
