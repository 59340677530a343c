// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/series"
)

const (
	cumulative = pmetric.AggregationTemporalityCumulative
	delta      = pmetric.AggregationTemporalityDelta
)

func number(dp pmetric.NumberDataPoint, at float64, v any) {
	dp.SetTimestamp(stamp(at))
	switch v := v.(type) {
	case int:
		dp.SetIntValue(int64(v))
	case int64:
		dp.SetIntValue(v)
	case float64:
		dp.SetDoubleValue(v)
	}
}

// gaugeOf, sumOf, histogramOf … make one batch with one point of their type.
// Distributions start at 0.
func gaugeOf(at float64, v any) pmetric.Metrics {
	md, m := oneMetric("m")
	number(m.SetEmptyGauge().DataPoints().AppendEmpty(), at, v)
	return md
}

func sumOf(temporality pmetric.AggregationTemporality, monotonic bool, start, at float64, v any) pmetric.Metrics {
	md, m := oneMetric("m")
	s := m.SetEmptySum()
	s.SetAggregationTemporality(temporality)
	s.SetIsMonotonic(monotonic)
	dp := s.DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(start))
	number(dp, at, v)
	return md
}

func histogramOf(temporality pmetric.AggregationTemporality, at float64, bounds []float64, counts []uint64, sum float64) pmetric.Metrics {
	md, m := oneMetric("m")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(temporality)
	dp := h.DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(0))
	dp.SetTimestamp(stamp(at))
	dp.ExplicitBounds().FromRaw(bounds)
	dp.BucketCounts().FromRaw(counts)
	for _, n := range counts {
		dp.SetCount(dp.Count() + n)
	}
	if !math.IsNaN(sum) {
		dp.SetSum(sum)
	}
	return md
}

func exponentialOf(temporality pmetric.AggregationTemporality, at float64, scale, offset int32, counts []uint64, sum float64) pmetric.Metrics {
	md, m := oneMetric("m")
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(temporality)
	dp := h.DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(0))
	dp.SetTimestamp(stamp(at))
	dp.SetScale(scale)
	dp.Positive().SetOffset(offset)
	dp.Positive().BucketCounts().FromRaw(counts)
	for _, n := range counts {
		dp.SetCount(dp.Count() + n)
	}
	dp.SetSum(sum)
	return md
}

func summaryOf(at float64, count uint64, quantiles map[float64]float64) pmetric.Metrics {
	md, m := oneMetric("m")
	dp := m.SetEmptySummary().DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(0))
	dp.SetTimestamp(stamp(at))
	dp.SetCount(count)
	for _, q := range []float64{0.5, 0.99} { // in order
		if v, ok := quantiles[q]; ok {
			e := dp.QuantileValues().AppendEmpty()
			e.SetQuantile(q)
			e.SetValue(v)
		}
	}
	return md
}

func noValue(md pmetric.Metrics) pmetric.Metrics {
	m := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	shellOf(m).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	return md
}

// gauges makes a batch that looks like host metrics: n series, a tenth as many
// resources, and two attributes a point.
func gauges(n int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	var points pmetric.NumberDataPointSlice
	for i := range n {
		if i%100 == 0 {
			rm := md.ResourceMetrics().AppendEmpty()
			rm.Resource().Attributes().PutStr("host.name", fmt.Sprintf("host-%d.example.com", i/100))
			rm.Resource().Attributes().PutStr("host.id", fmt.Sprintf("%032x", i))
			rm.Resource().Attributes().PutStr("os.type", "linux")
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName("github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/scraper/diskscraper")
			for _, name := range []string{"system.disk.io", "system.disk.operations", "system.disk.merged", "system.disk.time", "system.disk.weighted_io_time"} {
				m := sm.Metrics().AppendEmpty()
				m.SetName(name)
				m.SetUnit("By")
				s := m.SetEmptySum()
				s.SetIsMonotonic(true)
				s.SetAggregationTemporality(cumulative)
			}
		}
		metrics := md.ResourceMetrics().At(i / 100).ScopeMetrics().At(0).Metrics()
		points = metrics.At(i % 5).Sum().DataPoints()
		dp := points.AppendEmpty()
		dp.Attributes().PutStr("device", fmt.Sprintf("nvme%dn1", i%100/5))
		dp.Attributes().PutStr("direction", []string{"read", "write"}[i%2])
		dp.SetStartTimestamp(stamp(-1000))
		number(dp, 0, i)
	}
	return md
}

// advance moves every point of gauges on.
func advance(md pmetric.Metrics, at float64) {
	for _, rm := range md.ResourceMetrics().All() {
		metrics := rm.ScopeMetrics().At(0).Metrics()
		for i := range metrics.Len() {
			points := metrics.At(i).Sum().DataPoints()
			for j := range points.Len() {
				points.At(j).SetTimestamp(stamp(at))
			}
		}
	}
}

// tabled is a Visitor as the processor's hot path is: table, memory, sample.
type tabled struct {
	table  *series.Table[series.Memory]
	now    time.Time
	scored int
}

func (v *tabled) Visit(p *Point) {
	if p.Reason != series.Scored {
		return
	}
	slot, admission := v.table.Admit(p.Key, v.now)
	if admission == series.Refused {
		return
	}
	if _, why := slot.Value.Observe(&p.Reading); why == series.Scored {
		v.scored++
	}
	slot.Release()
}

func newTabled(n int) *tabled {
	return &tabled{table: series.NewTable[series.Memory](series.TableSettings{MaxSeries: n, StaleAfter: time.Hour})}
}
