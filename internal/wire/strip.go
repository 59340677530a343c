// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
)

// StripAnomaly removes attributes with detection's prefix from every resource,
// scope and datapoint, so that nobody can flag a point from outside. It
// returns how many it removed and writes nothing where there are none.
func StripAnomaly(md pmetric.Metrics) int {
	removed := 0
	for _, rm := range md.ResourceMetrics().All() {
		removed += strip(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			removed += strip(sm.Scope().Attributes())
			for _, m := range sm.Metrics().All() {
				removed += stripMetric(m)
			}
		}
	}
	return removed
}

func stripMetric(m pmetric.Metric) int {
	removed := 0
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		removed = stripNumbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		removed = stripNumbers(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for i := range m.Histogram().DataPoints().Len() {
			removed += strip(m.Histogram().DataPoints().At(i).Attributes())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for i := range m.ExponentialHistogram().DataPoints().Len() {
			removed += strip(m.ExponentialHistogram().DataPoints().At(i).Attributes())
		}
	case pmetric.MetricTypeSummary:
		for i := range m.Summary().DataPoints().Len() {
			removed += strip(m.Summary().DataPoints().At(i).Attributes())
		}
	case pmetric.MetricTypeEmpty:
	}
	return removed
}

func stripNumbers(points pmetric.NumberDataPointSlice) int {
	removed := 0
	for i := range points.Len() {
		removed += strip(points.At(i).Attributes())
	}
	return removed
}

// strip looks before it writes: nearly always there is nothing to remove.
func strip(m pcommon.Map) int {
	if !flagged(m) {
		return 0
	}
	before := m.Len()
	m.RemoveIf(func(name string, _ pcommon.Value) bool { return strings.HasPrefix(name, finding.AttrPrefix) })
	return before - m.Len()
}

func flagged(m pcommon.Map) bool {
	for name := range m.All() {
		if strings.HasPrefix(name, finding.AttrPrefix) {
			return true
		}
	}
	return false
}
