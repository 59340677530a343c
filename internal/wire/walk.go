// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// walker is the scratch memory of one Read: nothing in it outlives the call
// but the capacity of its buffers.
type walker struct {
	reader      *Reader
	visitor     Visitor
	received    time.Time
	nanos       int64 // received in Unix nanoseconds
	point       Point
	keyer       keyer
	histogram   series.Histogram
	exponential series.Exponential
	names       names

	ofResource digest // of the resource at hand
	ofMetric   digest // of the metric at hand, resource and scope included
	kind       uint32 // of the metric at hand
	derived    uint32 // of the fields of the metric at hand
	own        bool   // the metric at hand is detection's own
}

// forget drops every reference to the metrics that were read.
func (w *walker) forget() {
	w.visitor = nil
	w.point = Point{}
	w.keyer.trim()
}

func (w *walker) resource(rm pmetric.ResourceMetrics) {
	w.point.ResourceMetrics = rm
	w.ofResource = w.keyer.resource(rm.Resource())
	for i := range rm.ScopeMetrics().Len() {
		sm := rm.ScopeMetrics().At(i)
		w.point.ScopeMetrics = sm
		for j := range sm.Metrics().Len() {
			w.metric(sm.Scope().Name(), sm.Metrics().At(j))
		}
	}
}

func (w *walker) metric(scope string, m pmetric.Metric) {
	w.point.Metric = m
	w.point.Type = m.Type()
	w.own = strings.HasPrefix(m.Name(), finding.AttrPrefix)
	w.ofMetric = w.keyer.metric(w.ofResource, scope, m.Name())
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		w.numbers(m.Gauge().DataPoints(), series.Value, series.Scored, false)
	case pmetric.MetricTypeSum:
		shape, why := shapeOf(m.Sum().AggregationTemporality(), m.Sum().IsMonotonic())
		w.numbers(m.Sum().DataPoints(), shape, why, m.Sum().IsMonotonic())
	case pmetric.MetricTypeHistogram:
		w.histograms(m.Histogram())
	case pmetric.MetricTypeExponentialHistogram:
		w.exponentials(m.ExponentialHistogram())
	case pmetric.MetricTypeSummary:
		w.summaries(m.Summary().DataPoints())
	case pmetric.MetricTypeEmpty:
	}
}

// numbers visits the points of a gauge or sum. why refuses all of them.
func (w *walker) numbers(points pmetric.NumberDataPointSlice, shape series.Shape, why series.Reason, monotonic bool) {
	p := &w.point
	kind := kindOf(p.Type, shape, p.Metric.Unit())
	for i := range points.Len() {
		p.Number = points.At(i)
		r := &p.Reading
		*r = w.reading(shape, kind, p.Number.StartTimestamp(), p.Number.Timestamp(), p.Number.Flags())
		switch p.Number.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			r.Integer, r.Int = true, p.Number.IntValue()
		case pmetric.NumberDataPointValueTypeDouble:
			r.Float = p.Number.DoubleValue()
		case pmetric.NumberDataPointValueTypeEmpty:
			r.NoValue = true
		}
		w.identify(p.Number.Attributes(), why)
		if p.Reason == series.Scored && monotonic && shape == series.Delta && r.Number() < 0 {
			p.Reason = series.Malformed
		}
		w.visitor.Visit(p)
	}
}

// histograms visits the fields of explicit-bucket histograms.
func (w *walker) histograms(m pmetric.Histogram) {
	p := &w.point
	shape, why := shapeOf(m.AggregationTemporality(), true)
	w.kinds(shape)
	for i := range m.DataPoints().Len() {
		dp := m.DataPoints().At(i)
		p.Histogram = dp
		w.count(shape, dp.Count(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags())
		w.identify(dp.Attributes(), why)
		if !w.usable() {
			continue
		}
		if dp.BucketCounts().Len() > series.MaxBuckets || dp.ExplicitBounds().Len() > series.MaxBuckets {
			w.refuse(series.TooManyBuckets)
			continue
		}
		h := &w.histogram
		loadHistogram(h, dp)
		slot, admission := w.reader.distributions.Admit(p.Key, w.received)
		if admission == series.Refused {
			w.refuse(series.TableFull)
			continue
		}
		rate, why := slot.Value.ObserveHistogram(&p.Reading, h)
		slot.Release()
		if why != series.Scored {
			w.refuse(why)
			continue
		}
		w.fields(rate.Value, h.Mean(), h)
	}
}

// exponentials visits the fields of exponential histograms.
func (w *walker) exponentials(m pmetric.ExponentialHistogram) {
	p := &w.point
	shape, why := shapeOf(m.AggregationTemporality(), true)
	w.kinds(shape)
	for i := range m.DataPoints().Len() {
		dp := m.DataPoints().At(i)
		p.Exponential = dp
		w.count(shape, dp.Count(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags())
		w.identify(dp.Attributes(), why)
		if !w.usable() {
			continue
		}
		if dp.Positive().BucketCounts().Len() > series.MaxBuckets || dp.Negative().BucketCounts().Len() > series.MaxBuckets {
			w.refuse(series.TooManyBuckets)
			continue
		}
		e := &w.exponential
		loadExponential(e, dp)
		slot, admission := w.reader.distributions.Admit(p.Key, w.received)
		if admission == series.Refused {
			w.refuse(series.TableFull)
			continue
		}
		rate, why := slot.Value.ObserveExponential(&p.Reading, e)
		slot.Release()
		if why != series.Scored {
			w.refuse(why)
			continue
		}
		w.fields(rate.Value, e.Mean(), e)
	}
}

// summaries visits the fields of summaries. Their quantiles are those of
// whatever window the producer chose, and are scored as they are.
func (w *walker) summaries(points pmetric.SummaryDataPointSlice) {
	p := &w.point
	w.kinds(series.CumulativeCounter)
	for i := range points.Len() {
		dp := points.At(i)
		p.Summary = dp
		w.count(series.CumulativeCounter, dp.Count(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags())
		w.identify(dp.Attributes(), series.Scored)
		if !w.usable() {
			continue
		}
		slot, admission := w.reader.distributions.Admit(p.Key, w.received)
		if admission == series.Refused {
			w.refuse(series.TableFull)
			continue
		}
		rate, why := slot.Value.ObserveCount(&p.Reading)
		slot.Release()
		point := p.Key
		switch why {
		case series.Scored:
			w.field(point, series.FieldCountRate, rate.Value)
		case series.FirstPoint, series.Reset:
			w.refuse(why) // the rate only: the quantiles below need no point before
		default:
			w.refuse(why)
			continue
		}
		for j := range min(dp.QuantileValues().Len(), maxSummaryQuantiles) {
			v := dp.QuantileValues().At(j)
			// An empty window gives NaN, which is nothing to score.
			if name := w.names.of(v.Quantile()); name != "" && !math.IsNaN(v.Value()) {
				w.field(point, name, v.Value())
			}
		}
	}
}

// distribution is what fields are derived from.
type distribution interface{ Quantile(q float64) float64 }

// fields visits what an interval's distribution gives. A mean or quantile that
// is NaN is not known, or there was nothing in the interval.
func (w *walker) fields(rate, mean float64, d distribution) {
	point := w.point.Key
	w.field(point, series.FieldCountRate, rate)
	if !math.IsNaN(mean) {
		w.field(point, series.FieldMean, mean)
	}
	for _, q := range w.reader.quantiles {
		if v := d.Quantile(q.q); !math.IsNaN(v) {
			w.field(point, q.field, v)
		}
	}
}

// field visits one derived number of the datapoint whose key is point.
func (w *walker) field(point series.Key, name string, v float64) {
	p := &w.point
	p.Key, p.Field = FieldKey(point, name), name
	r := &p.Reading
	r.Shape, r.Kind = series.Value, w.derived
	r.Integer, r.Int, r.Float = false, 0, v
	p.Reason = r.Check()
	w.visitor.Visit(p)
}

// kinds prepares the kinds of a distribution's count and fields.
func (w *walker) kinds(shape series.Shape) {
	w.kind = kindOf(w.point.Type, shape, w.point.Metric.Unit())
	w.derived = derivedKind(w.point.Metric.Unit())
}

// count makes the point's reading that of a distribution's count.
func (w *walker) count(shape series.Shape, n uint64, start, at pcommon.Timestamp, flags pmetric.DataPointFlags) {
	r := &w.point.Reading
	*r = w.reading(shape, w.kind, start, at, flags)
	r.Integer, r.Int = true, int64(min(n, math.MaxInt64))
}

func (w *walker) reading(shape series.Shape, kind uint32, start, at pcommon.Timestamp, flags pmetric.DataPointFlags) series.Reading {
	return series.Reading{
		Shape: shape, Kind: kind, NoValue: flags.NoRecordedValue(),
		Start: nanos(start), Time: nanos(at), Received: w.nanos,
	}
}

// nanos keeps a timestamp that no int64 holds in the far future, where it is
// refused.
func nanos(t pcommon.Timestamp) int64 { return int64(min(t, math.MaxInt64)) }

// identify sets key, attributes and reason of the datapoint at hand, whose
// reading is set. why refuses it whatever it holds.
func (w *walker) identify(attributes pcommon.Map, why series.Reason) {
	p := &w.point
	p.Attributes, p.Field = attributes, ""
	if w.own {
		p.Key, p.Reason = series.Key{}, series.OwnOutput
		return
	}
	p.Key = w.keyer.point(w.ofMetric, attributes)
	if p.Reason = why; why == series.Scored {
		p.Reason = p.Reading.Check()
	}
}

// usable visits the datapoint if it is refused, and reports whether it is not.
func (w *walker) usable() bool {
	if w.point.Reason == series.Scored {
		return true
	}
	w.visitor.Visit(&w.point)
	return false
}

// refuse visits the datapoint as one that gives no number.
func (w *walker) refuse(why series.Reason) {
	w.point.Reason = why
	w.visitor.Visit(&w.point)
}
