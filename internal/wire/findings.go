// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// Watcher tells which ordinary points matter; finding.Sink is one.
type Watcher interface {
	Watches(key series.Key) bool
	WatchesAny() bool
}

// Findings reads annotated points back, and makes a finding in state Normal of
// every unannotated number whose series w watches. w may be nil. quantiles are
// those that the processor derives from histograms; none means
// series.DefaultQuantiles.
//
// Input may be hostile: texts are made valid UTF-8 without control characters
// and cut to MaxText, attributes and names are bounded, and what is not a
// known state, kind, direction or severity becomes finding.Unknown or empty.
// The findings share no memory with md; those of one resource share one
// Resource map, which is to be read only.
//
// Value is NaN where neither the annotation nor the point alone tells it
// (cumulative counters). What proves nothing gives no Normal finding:
//   - a point without a number, without a time, or from the future,
//   - the other fields of a point that is annotated for one field,
//   - mean and quantiles of a cumulative histogram, or of one without
//     observations: this function has no memory of what was there before, and
//     a process that serves nothing any more has no latency.
func Findings(md pmetric.Metrics, received time.Time, w Watcher, quantiles ...float64) []finding.Finding {
	s := scan{received: received, watching: w != nil && w.WatchesAny(), watcher: w}
	if s.watching {
		s.quantiles = quantilesOf(quantiles)
	}
	for _, rm := range md.ResourceMetrics().All() {
		s.enter(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				s.scope, s.metric, s.known = sm.Scope().Name(), m, false
				s.points(m)
			}
		}
	}
	return s.found
}

// scan is the state of one call of Findings. What most batches do not need is
// made when it is first asked for.
type scan struct {
	received  time.Time
	watching  bool
	watcher   Watcher
	quantiles []quantile
	found     []finding.Finding

	resource pcommon.Resource
	texts    map[string]string // of the resource; nil until needed
	hashed   bool              // ofResource is set
	scope    string
	metric   pmetric.Metric
	known    bool // ofMetric is set

	keyer       keyer
	ofResource  digest
	ofMetric    digest
	histogram   series.Histogram
	exponential series.Exponential
}

func (s *scan) enter(r pcommon.Resource) {
	s.resource, s.texts, s.hashed = r, nil, false
}

// key is the key of the datapoint with these attributes.
func (s *scan) key(attributes pcommon.Map) series.Key {
	if !s.hashed {
		s.ofResource, s.hashed = s.keyer.resource(s.resource), true
	}
	if !s.known {
		s.ofMetric, s.known = s.keyer.metric(s.ofResource, s.scope, s.metric.Name()), true
	}
	return s.keyer.point(s.ofMetric, attributes)
}

// datapoint is what the five types have in common.
type datapoint struct {
	attributes pcommon.Map
	reading    series.Reading
	field      string // that the annotation names; "" for numbers
	own        float64
}

func (s *scan) points(m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		s.numbers(m.Gauge().DataPoints(), series.Value, series.Scored)
	case pmetric.MetricTypeSum:
		shape, why := shapeOf(m.Sum().AggregationTemporality(), m.Sum().IsMonotonic())
		s.numbers(m.Sum().DataPoints(), shape, why)
	case pmetric.MetricTypeHistogram:
		delta := m.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta
		for _, dp := range m.Histogram().DataPoints().All() {
			p := s.distribution(dp.Attributes(), dp.Count(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags())
			if s.annotated(p) || !s.wanted(p) {
				continue
			}
			loadHistogram(&s.histogram, dp)
			s.fields(p, delta, s.histogram.Check(), s.histogram.Mean(), &s.histogram)
		}
	case pmetric.MetricTypeExponentialHistogram:
		delta := m.ExponentialHistogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta
		for _, dp := range m.ExponentialHistogram().DataPoints().All() {
			p := s.distribution(dp.Attributes(), dp.Count(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags())
			if s.annotated(p) || !s.wanted(p) {
				continue
			}
			loadExponential(&s.exponential, dp)
			s.fields(p, delta, s.exponential.Check(), s.exponential.Mean(), &s.exponential)
		}
	case pmetric.MetricTypeSummary:
		for _, dp := range m.Summary().DataPoints().All() {
			p := s.distribution(dp.Attributes(), dp.Count(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags())
			if s.annotated(p) || !s.wanted(p) {
				continue
			}
			s.summary(p, dp)
		}
	case pmetric.MetricTypeEmpty:
	}
}

func (s *scan) numbers(points pmetric.NumberDataPointSlice, shape series.Shape, why series.Reason) {
	for i := range points.Len() {
		dp := points.At(i)
		p := datapoint{attributes: dp.Attributes(), reading: s.reading(dp.StartTimestamp(), dp.Timestamp(), dp.Flags())}
		r := &p.reading
		r.Shape = shape
		switch dp.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			r.Integer, r.Int = true, dp.IntValue()
		case pmetric.NumberDataPointValueTypeDouble:
			r.Float = dp.DoubleValue()
		case pmetric.NumberDataPointValueTypeEmpty:
			r.NoValue = true
		}
		r.NoValue = r.NoValue || why != series.Scored
		p.own = alone(r)
		if s.annotated(p) || !s.wanted(p) {
			continue
		}
		s.ordinary(p, s.key(p.attributes), "", p.own)
	}
}

// distribution is a datapoint of a histogram or summary.
func (s *scan) distribution(attributes pcommon.Map, count uint64, start, at pcommon.Timestamp, flags pmetric.DataPointFlags) datapoint {
	p := datapoint{attributes: attributes, reading: s.reading(start, at, flags), own: math.NaN()}
	p.reading.Integer, p.reading.Int = true, int64(min(count, math.MaxInt64))
	p.field = attributeText(attributes, finding.AttrField)
	return p
}

func (s *scan) reading(start, at pcommon.Timestamp, flags pmetric.DataPointFlags) series.Reading {
	return series.Reading{
		Start: nanos(start), Time: nanos(at), Received: s.received.UnixNano(), NoValue: flags.NoRecordedValue(),
	}
}

// alone is the scored number as far as one reading tells it without those
// before.
func alone(r *series.Reading) float64 {
	if r.Check() != series.Scored || r.Shape == series.CumulativeCounter {
		return math.NaN()
	}
	// A memory that has seen nothing needs nothing from before either.
	sample, why := new(series.Memory).Observe(r)
	if why != series.Scored {
		return math.NaN()
	}
	return sample.Value
}

// annotated adds the finding that the point carries, if it carries one.
func (s *scan) annotated(p datapoint) bool {
	_, ok := p.attributes.Get(finding.AttrState)
	if !ok {
		return false
	}
	state := known(finding.State(attributeText(p.attributes, finding.AttrState)), finding.Unknown,
		finding.Normal, finding.Pending, finding.Firing, finding.Resolved, finding.Unknown)
	if state == finding.Normal {
		return false
	}
	s.add(p, FieldKey(s.key(p.attributes), p.field), p.field, state, p.own)
	return true
}

// wanted reports whether an unannotated point may give Normal findings.
func (s *scan) wanted(p datapoint) bool {
	return s.watching && p.reading.Check() == series.Scored
}

// ordinary adds a Normal finding of a watched series.
func (s *scan) ordinary(p datapoint, key series.Key, field string, value float64) {
	if s.watcher.Watches(key) {
		s.add(p, key, field, finding.Normal, value)
	}
}

// fields adds Normal findings of a histogram's watched fields.
func (s *scan) fields(p datapoint, delta bool, why series.Reason, mean float64, d distribution) {
	if why != series.Scored {
		return
	}
	point := s.key(p.attributes)
	p.reading.Shape = series.CumulativeCounter
	if delta {
		p.reading.Shape = series.Delta
	}
	s.ordinary(p, FieldKey(point, series.FieldCountRate), series.FieldCountRate, alone(&p.reading))
	s.field(p, point, series.FieldMean, delta, mean)
	for _, q := range s.quantiles {
		s.field(p, point, q.field, delta, d.Quantile(q.q))
	}
}

// field adds a Normal finding of one field, if the point or its annotation
// (option annotate: all) shows that the field was measured.
func (s *scan) field(p datapoint, point series.Key, name string, delta bool, value float64) {
	if (delta && !math.IsNaN(value)) || p.field == name {
		if !delta {
			value = math.NaN()
		}
		s.ordinary(p, FieldKey(point, name), name, value)
	}
}

// summary adds Normal findings of a summary's watched fields.
func (s *scan) summary(p datapoint, dp pmetric.SummaryDataPoint) {
	point := s.key(p.attributes)
	s.ordinary(p, FieldKey(point, series.FieldCountRate), series.FieldCountRate, math.NaN())
	for i := range min(dp.QuantileValues().Len(), maxSummaryQuantiles) {
		v := dp.QuantileValues().At(i)
		if q := v.Quantile(); q >= 0 && q <= 1 && !math.IsNaN(v.Value()) && !math.IsInf(v.Value(), 0) {
			name := series.QuantileField(q)
			s.ordinary(p, FieldKey(point, name), name, v.Value())
		}
	}
}

// add makes a finding of the point's attributes.
func (s *scan) add(p datapoint, key series.Key, field string, state finding.State, value float64) {
	if s.texts == nil {
		s.texts = cleanMap(s.resource.Attributes())
	}
	f := finding.Finding{
		Series: key, State: state, Field: field,
		Metric: clean(s.metric.Name()), Unit: clean(s.metric.Unit()),
		Resource: s.texts, Attributes: cleanMap(p.attributes),
		Start: timeOf(p.reading.Start), Time: timeOf(p.reading.Time), Received: s.received,
		Score: math.NaN(), ZScore: math.NaN(), PValue: math.NaN(), Expected: math.NaN(), Value: finite(value),
	}
	// The annotation of another field says nothing of this one.
	if p.field == field {
		describe(&f, p.attributes)
	}
	s.found = append(s.found, f)
}

// describe fills f from the contract's attributes.
func describe(f *finding.Finding, m pcommon.Map) {
	f.ID = attributeText(m, finding.AttrID)
	f.Kind = known(finding.Kind(attributeText(m, finding.AttrKind)), "",
		finding.Spike, finding.LevelShift, finding.Trend, finding.Flatline, finding.Silence,
		finding.Threshold, finding.Forecast, finding.Multivariate)
	f.Direction = known(finding.Direction(attributeText(m, finding.AttrDirection)), "", finding.Up, finding.Down)
	f.Severity = known(finding.Severity(attributeText(m, finding.AttrSeverity)), "", finding.Severities()...)
	f.Fault = attributeText(m, finding.AttrFault)
	f.Score = attributeNumber(m, finding.AttrScore)
	f.ZScore = attributeNumber(m, finding.AttrZScore)
	f.Expected = attributeNumber(m, finding.AttrExpected)
	if v := attributeNumber(m, finding.AttrPValue); v >= 0 && v <= 1 {
		f.PValue = v
	}
	if v := attributeNumber(m, finding.AttrValue); !math.IsNaN(v) {
		f.Value = v
	}
	f.Detectors = attributeNames(m, finding.AttrDetectors)
	f.Rules = attributeNames(m, finding.AttrRules)
}

// known returns v if it is one of all, and otherwise what stands for the rest.
func known[T ~string](v, otherwise T, all ...T) T {
	if slices.Contains(all, v) {
		return v
	}
	return otherwise
}
