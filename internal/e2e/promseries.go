// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// PrometheusSeries is the set of time series that a Prometheus-like backend
// would hold after it received md, each written name{label="value",…} with
// labels in order. Names follow the translation of OpenTelemetry's
// "Prometheus and OpenMetrics Compatibility" in its classic form (legacy
// characters, unit and type suffixes). All resource and scope attributes are
// taken as labels, which is the strictest reading: a backend that promotes
// fewer sees at most as many series.
func PrometheusSeries(tb testing.TB, md pmetric.Metrics) map[string]struct{} {
	tb.Helper()
	t := translator{
		tb:     tb,
		names:  otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes),
		labels: otlptranslator.LabelNamer{},
		series: map[string]struct{}{},
	}
	for _, rm := range md.ResourceMetrics().All() {
		target := t.target(rm.Resource())
		found := len(t.series)
		for _, sm := range rm.ScopeMetrics().All() {
			scope := t.merge(target, sm.Scope().Attributes())
			scope["otel_scope_name"] = sm.Scope().Name()
			scope["otel_scope_version"] = sm.Scope().Version()
			for _, m := range sm.Metrics().All() {
				t.metric(m, scope)
			}
		}
		if len(t.series) > found {
			t.add("target_info", target)
		}
	}
	return t.series
}

type translator struct {
	tb     testing.TB
	names  otlptranslator.MetricNamer
	labels otlptranslator.LabelNamer
	series map[string]struct{}
}

func (t translator) target(resource pcommon.Resource) map[string]string {
	labels := t.merge(nil, resource.Attributes())
	text := func(key string) string {
		if value, ok := resource.Attributes().Get(key); ok {
			return value.AsString()
		}
		return ""
	}
	if job := text("service.name"); job != "" {
		if namespace := text("service.namespace"); namespace != "" {
			job = namespace + "/" + job
		}
		labels["job"] = job
	}
	if instance := text("service.instance.id"); instance != "" {
		labels["instance"] = instance
	}
	return labels
}

// merge adds attributes to a copy of labels. Two attributes whose names become
// one label are joined with ";" in order of their original names.
func (t translator) merge(labels map[string]string, attributes pcommon.Map) map[string]string {
	out := make(map[string]string, len(labels)+attributes.Len())
	maps.Copy(out, labels)
	keys := make([]string, 0, attributes.Len())
	for key := range attributes.All() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	mine := map[string]bool{}
	for _, key := range keys {
		name, err := t.labels.Build(key)
		if err != nil {
			continue // nothing of the name is left: a backend drops it
		}
		value, _ := attributes.Get(key)
		text := value.AsString()
		if mine[name] {
			text = out[name] + ";" + text
		}
		out[name], mine[name] = text, true
	}
	return out
}

func (t translator) metric(m pmetric.Metric, scope map[string]string) {
	name := t.name(m)
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			t.add(name, t.merge(scope, p.Attributes()))
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			t.add(name, t.merge(scope, p.Attributes()))
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			labels := t.merge(scope, p.Attributes())
			for _, bound := range p.ExplicitBounds().All() {
				t.addWith(name+"_bucket", labels, "le", number(bound))
			}
			t.addWith(name+"_bucket", labels, "le", "+Inf")
			if p.HasSum() {
				t.add(name+"_sum", labels)
			}
			t.add(name+"_count", labels)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			t.add(name, t.merge(scope, p.Attributes())) // one native histogram
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			labels := t.merge(scope, p.Attributes())
			for _, q := range p.QuantileValues().All() {
				t.addWith(name, labels, "quantile", number(q.Quantile()))
			}
			t.add(name+"_sum", labels)
			t.add(name+"_count", labels)
		}
	case pmetric.MetricTypeEmpty:
	}
}

func (t translator) name(m pmetric.Metric) string {
	var kind otlptranslator.MetricType = otlptranslator.MetricTypeUnknown
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		kind = otlptranslator.MetricTypeGauge
	case pmetric.MetricTypeSum:
		kind = otlptranslator.MetricTypeNonMonotonicCounter
		if m.Sum().IsMonotonic() {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
	case pmetric.MetricTypeHistogram:
		kind = otlptranslator.MetricTypeHistogram
	case pmetric.MetricTypeExponentialHistogram:
		kind = otlptranslator.MetricTypeExponentialHistogram
	case pmetric.MetricTypeSummary:
		kind = otlptranslator.MetricTypeSummary
	case pmetric.MetricTypeEmpty:
		return ""
	}
	name, err := t.names.Build(otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: kind})
	if err != nil {
		t.tb.Fatalf("translate the metric name %q: %v", m.Name(), err)
	}
	return name
}

func (t translator) addWith(name string, labels map[string]string, key, value string) {
	with := map[string]string{key: value}
	maps.Copy(with, labels)
	t.add(name, with)
}

func (t translator) add(name string, labels map[string]string) {
	keys := make([]string, 0, len(labels))
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(key + "=" + strconv.Quote(labels[key]))
	}
	b.WriteByte('}')
	t.series[b.String()] = struct{}{}
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
