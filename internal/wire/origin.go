// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
)

// Origin is a lasting copy of where a point came from: resource, scope, metric
// and point attributes, without any value. It is taken when an episode begins
// or a rule watches for absence, so that a series that has fallen silent can
// still be spoken of. It is immutable and may be shared; its zero value is no
// origin.
type Origin struct {
	resource pmetric.ResourceMetrics // one scope, one metric, one point
}

// Origin copies where p came from.
func (p *Point) Origin() Origin {
	rm, m := newOrigin(p.Resource(), p.ScopeMetrics.Scope(), p.Metric.Name(), p.Metric.Unit())
	rm.SetSchemaUrl(p.ResourceMetrics.SchemaUrl())
	rm.ScopeMetrics().At(0).SetSchemaUrl(p.ScopeMetrics.SchemaUrl())
	m.SetDescription(p.Metric.Description())
	var attributes pcommon.Map
	switch p.Type {
	case pmetric.MetricTypeSum:
		s := m.SetEmptySum()
		s.SetIsMonotonic(p.Metric.Sum().IsMonotonic())
		s.SetAggregationTemporality(p.Metric.Sum().AggregationTemporality())
		attributes = s.DataPoints().AppendEmpty().Attributes()
	case pmetric.MetricTypeHistogram:
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(p.Metric.Histogram().AggregationTemporality())
		attributes = h.DataPoints().AppendEmpty().Attributes()
	case pmetric.MetricTypeExponentialHistogram:
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(p.Metric.ExponentialHistogram().AggregationTemporality())
		attributes = h.DataPoints().AppendEmpty().Attributes()
	case pmetric.MetricTypeSummary:
		attributes = m.SetEmptySummary().DataPoints().AppendEmpty().Attributes()
	default:
		attributes = m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes()
	}
	p.Attributes.CopyTo(attributes)
	strip(attributes)
	bound(attributes)
	return Origin{resource: rm}
}

// Bounds of what an Origin keeps for as long as an episode lasts: whoever
// sends telemetry must not be able to fill the memory with it.
const (
	maxOriginText       = 4096 // bytes of one value
	maxOriginAttributes = 128
)

// bound cuts texts and drops other values that are too long, and attributes
// that are too many.
func bound(attributes pcommon.Map) {
	kept := 0
	attributes.RemoveIf(func(key string, v pcommon.Value) bool {
		if kept == maxOriginAttributes || len(key) > maxOriginText {
			return true
		}
		switch v.Type() {
		case pcommon.ValueTypeStr:
			if len(v.Str()) > maxOriginText {
				v.SetStr(strings.ToValidUTF8(v.Str()[:maxOriginText], ""))
			}
		case pcommon.ValueTypeBytes, pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
			if len(v.AsString()) > maxOriginText {
				return true
			}
		default: // numbers and truths are short
		}
		kept++
		return false
	})
}

// NewOrigin describes a series that no point was seen of, e.g. for a rule that
// watches for absence. The metric is a gauge.
func NewOrigin(resource pcommon.Resource, scope, metric, unit string, attributes pcommon.Map) Origin {
	s := pcommon.NewInstrumentationScope()
	s.SetName(scope)
	rm, m := newOrigin(resource, s, metric, unit)
	point := m.SetEmptyGauge().DataPoints().AppendEmpty()
	attributes.CopyTo(point.Attributes())
	strip(point.Attributes())
	bound(point.Attributes())
	return Origin{resource: rm}
}

func newOrigin(resource pcommon.Resource, scope pcommon.InstrumentationScope, name, unit string) (pmetric.ResourceMetrics, pmetric.Metric) {
	rm := pmetric.NewMetrics().ResourceMetrics().AppendEmpty()
	resource.CopyTo(rm.Resource())
	strip(rm.Resource().Attributes())
	bound(rm.Resource().Attributes())
	sm := rm.ScopeMetrics().AppendEmpty()
	scope.CopyTo(sm.Scope())
	m := sm.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return rm, m
}

// IsZero reports whether o is no origin.
func (o Origin) IsZero() bool { return o == Origin{} }

// Resource is the resource of the series; read only.
func (o Origin) Resource() pcommon.Resource { return o.resource.Resource() }

// SchemaURL is the schema URL of the resource.
func (o Origin) SchemaURL() string { return o.resource.SchemaUrl() }

// MetricName is the name of the metric.
func (o Origin) MetricName() string { return o.metric().Name() }

// Unit is the unit of the metric.
func (o Origin) Unit() string { return o.metric().Unit() }

// Attributes are the attributes of the series' points; read only.
func (o Origin) Attributes() pcommon.Map { return shellOf(o.metric()).Attributes() }

func (o Origin) metric() pmetric.Metric { return o.resource.ScopeMetrics().At(0).Metrics().At(0) }

// shell is what the datapoints of all types have in common.
type shell interface {
	Attributes() pcommon.Map
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}

// shellOf is the first datapoint of a metric that has one.
func shellOf(m pmetric.Metric) shell {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().At(0)
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().At(0)
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().At(0)
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().At(0)
	case pmetric.MetricTypeGauge, pmetric.MetricTypeEmpty:
	}
	return m.Gauge().DataPoints().At(0)
}

// AppendSilence appends a synthetic point of the series to md: its resource,
// scope, metric and attributes, the flag for no recorded value, the timestamp
// f.Time, and f as attributes.
func (o Origin) AppendSilence(md pmetric.Metrics, f *finding.Finding) {
	rm := md.ResourceMetrics().AppendEmpty()
	o.resource.CopyTo(rm)
	point := shellOf(rm.ScopeMetrics().At(0).Metrics().At(0))
	point.SetTimestamp(pcommon.NewTimestampFromTime(f.Time))
	point.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	write(point.Attributes(), f, f.Field, math.NaN())
}
