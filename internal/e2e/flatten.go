// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxShownItem bounds how much of one item a failed comparison prints.
const maxShownItem = 2 << 10

// Flatten turns metrics into their meaning: a multiset of items, one for each
// point together with its metric, scope and resource, and one for each
// resource, scope or metric that is empty. How points are grouped, in which
// order they stand and in which order attributes stand carries no meaning in
// OTLP and is lost; everything else, down to the bits of a NaN, is kept. Keys
// are OTLP messages, values how often each occurs.
func Flatten(tb testing.TB, md pmetric.Metrics) map[string]int {
	tb.Helper()
	out := map[string]int{}
	EachItem(md, func(item pmetric.Metrics) {
		data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(item)
		if err != nil {
			tb.Fatal(err)
		}
		out[string(data)]++
	})
	return out
}

// RequireEqual fails the test unless both mean the same, and shows what is
// missing and what is too much.
func RequireEqual(tb testing.TB, want, got pmetric.Metrics) {
	tb.Helper()
	wanted, found := Flatten(tb, want), Flatten(tb, got)
	missing, extra := subtract(wanted, found), subtract(found, wanted)
	if len(missing)+len(extra) > 0 {
		tb.Fatalf("metrics differ in meaning\nmissing (%d):\n%s\ntoo much (%d):\n%s",
			len(missing), describe(tb, missing), len(extra), describe(tb, extra))
	}
}

func subtract(from, what map[string]int) []string {
	var rest []string
	for item, n := range from {
		for range n - what[item] {
			rest = append(rest, item)
		}
	}
	slices.Sort(rest)
	return rest
}

func describe(tb testing.TB, items []string) string {
	tb.Helper()
	var b strings.Builder
	for _, item := range items {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics([]byte(item))
		if err != nil {
			tb.Fatal(err)
		}
		text, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
		if err != nil {
			tb.Fatal(err)
		}
		if len(text) > maxShownItem {
			text = fmt.Appendf(text[:maxShownItem:maxShownItem], "… (%d bytes)", len(text))
		}
		fmt.Fprintf(&b, "  %s\n", text)
	}
	return b.String()
}

// EachItem calls fn with every item of md, see Flatten, as metrics of its own
// with attributes in order of their keys.
func EachItem(md pmetric.Metrics, fn func(item pmetric.Metrics)) {
	for _, rm := range md.ResourceMetrics().All() {
		if rm.ScopeMetrics().Len() == 0 {
			item, _ := newItem(rm)
			fn(item)
		}
		for _, sm := range rm.ScopeMetrics().All() {
			if sm.Metrics().Len() == 0 {
				item, into := newItem(rm)
				copyScope(sm, into.ScopeMetrics().AppendEmpty())
				fn(item)
			}
			for _, metric := range sm.Metrics().All() {
				for i := range max(1, pointCount(metric)) {
					item, into := newItem(rm)
					scope := into.ScopeMetrics().AppendEmpty()
					copyScope(sm, scope)
					copyOnePoint(metric, i, scope.Metrics().AppendEmpty())
					fn(item)
				}
			}
		}
	}
}

func newItem(rm pmetric.ResourceMetrics) (pmetric.Metrics, pmetric.ResourceMetrics) {
	item := pmetric.NewMetrics()
	into := item.ResourceMetrics().AppendEmpty()
	rm.Resource().CopyTo(into.Resource())
	sortMap(into.Resource().Attributes())
	into.SetSchemaUrl(rm.SchemaUrl())
	return item, into
}

func copyScope(from, to pmetric.ScopeMetrics) {
	from.Scope().CopyTo(to.Scope())
	sortMap(to.Scope().Attributes())
	to.SetSchemaUrl(from.SchemaUrl())
}

func pointCount(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	default:
		return 0
	}
}

// copyOnePoint copies the metric with its i-th point alone, if it has one.
func copyOnePoint(from pmetric.Metric, i int, to pmetric.Metric) {
	// Copying the whole metric and then dropping points keeps this function
	// free of a list of fields that a new version of OTLP would outgrow.
	from.CopyTo(to)
	sortMap(to.Metadata())
	n := -1
	keep := func(attributes pcommon.Map) (drop bool) {
		if n++; n == i {
			sortMap(attributes)
		}
		return n != i
	}
	switch to.Type() {
	case pmetric.MetricTypeGauge:
		to.Gauge().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { return keep(p.Attributes()) })
	case pmetric.MetricTypeSum:
		to.Sum().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { return keep(p.Attributes()) })
	case pmetric.MetricTypeHistogram:
		to.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool { return keep(p.Attributes()) })
	case pmetric.MetricTypeExponentialHistogram:
		to.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool { return keep(p.Attributes()) })
	case pmetric.MetricTypeSummary:
		to.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool { return keep(p.Attributes()) })
	case pmetric.MetricTypeEmpty:
	}
}

// PointAttributes calls fn with the attributes of every point.
func PointAttributes(md pmetric.Metrics, fn func(metric pmetric.Metric, attributes pcommon.Map)) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					for _, p := range m.Gauge().DataPoints().All() {
						fn(m, p.Attributes())
					}
				case pmetric.MetricTypeSum:
					for _, p := range m.Sum().DataPoints().All() {
						fn(m, p.Attributes())
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range m.Histogram().DataPoints().All() {
						fn(m, p.Attributes())
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range m.ExponentialHistogram().DataPoints().All() {
						fn(m, p.Attributes())
					}
				case pmetric.MetricTypeSummary:
					for _, p := range m.Summary().DataPoints().All() {
						fn(m, p.Attributes())
					}
				case pmetric.MetricTypeEmpty:
				}
			}
		}
	}
}

// sortMap orders m by key, and the maps inside it.
func sortMap(m pcommon.Map) {
	keys := make([]string, 0, m.Len())
	for key := range m.All() {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	sorted := pcommon.NewMap()
	for _, key := range keys {
		value, _ := m.Get(key) // OTLP demands unique keys: the first one counts
		sortValue(value)
		value.CopyTo(sorted.PutEmpty(key))
	}
	sorted.CopyTo(m)
}

func sortValue(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		sortMap(v.Map())
	case pcommon.ValueTypeSlice:
		for _, element := range v.Slice().All() {
			sortValue(element)
		}
	default:
	}
}
