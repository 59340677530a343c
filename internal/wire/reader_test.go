// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/series"
)

// TestWhatIsScored has a story for every row of the design's table of inputs.
func TestWhatIsScored(t *testing.T) {
	one := func(v float64) []seen { return []seen{{value: v}} }
	not := func(why series.Reason) []seen { return []seen{{why: why}} }
	bounds := []float64{10, 20}
	nan := math.NaN()
	type batch struct {
		md   pmetric.Metrics
		want []seen
	}
	tests := map[string][]batch{
		"gauge, double": {{gaugeOf(0, 0.5), one(0.5)}, {gaugeOf(5, -1.5), one(-1.5)}},
		"gauge, int":    {{gaugeOf(0, 3), one(3)}, {gaugeOf(5, 0), one(0)}},
		"gauge, neither": {
			{gaugeOf(0, nil), not(series.NoRecorded)},
		},
		"cumulative monotonic sum, int": {
			{sumOf(cumulative, true, 0, 10, 100), not(series.FirstPoint)},
			{sumOf(cumulative, true, 0, 20, 150), one(5)},
			{sumOf(cumulative, true, 0, 30, 20), not(series.Reset)},
			{sumOf(cumulative, true, 0, 40, 30), one(1)},
			{sumOf(cumulative, true, 45, 50, 1000), not(series.Reset)},
		},
		"cumulative monotonic sum, double": {
			{sumOf(cumulative, true, 0, 10, 1.5), not(series.FirstPoint)},
			{sumOf(cumulative, true, 0, 20, 2.5), one(0.1)},
		},
		"cumulative monotonic sum beyond 2^53": {
			{sumOf(cumulative, true, 0, 10, int64(1<<62)), not(series.FirstPoint)},
			{sumOf(cumulative, true, 0, 11, int64(1<<62+1)), one(1)},
		},
		"delta sum": {
			{sumOf(delta, true, 0, 10, 100), one(10)},
			{sumOf(delta, true, 15, 20, 100), one(20)},
			{sumOf(delta, true, 20, 30, -5), not(series.Malformed)},
		},
		"delta sum that may fall": {
			{sumOf(delta, false, 0, 10, -100), one(-10)},
		},
		"cumulative non-monotonic sum": {
			{sumOf(cumulative, false, 0, 10, 100), one(100)},
			{sumOf(cumulative, false, 0, 20, 40), one(40)},
		},
		"sum of no temporality": {
			{sumOf(pmetric.AggregationTemporalityUnspecified, true, 0, 10, 100), not(series.Malformed)},
		},
		"cumulative histogram": {
			{histogramOf(cumulative, 10, bounds, []uint64{5, 5, 5}, 200), not(series.FirstPoint)},
			{histogramOf(cumulative, 20, bounds, []uint64{5, 25, 5}, 500), []seen{
				{field: "count_rate", value: 2},
				{field: "mean", value: 15},
				{field: "p50", value: 15},
				{field: "p95", value: 19.5},
				{field: "p99", value: 19.9},
			}},
			{histogramOf(cumulative, 30, bounds, []uint64{5, 25, 5}, 500), []seen{{field: "count_rate", value: 0}}},
			{histogramOf(cumulative, 40, bounds, []uint64{1, 0, 0}, 1), not(series.Reset)},
			{histogramOf(cumulative, 50, []float64{10, 30}, []uint64{5, 25, 5}, 500), not(series.BoundsChanged)},
		},
		"cumulative histogram without a sum": {
			{histogramOf(cumulative, 10, bounds, []uint64{5, 5, 5}, nan), not(series.FirstPoint)},
			{histogramOf(cumulative, 20, bounds, []uint64{5, 25, 5}, nan), []seen{
				{field: "count_rate", value: 2}, {field: "p50", value: 15}, {field: "p95", value: 19.5}, {field: "p99", value: 19.9},
			}},
		},
		"delta histogram": {
			{histogramOf(delta, 10, bounds, []uint64{0, 20, 0}, 300), []seen{
				{field: "count_rate", value: 2},
				{field: "mean", value: 15},
				{field: "p50", value: 15},
				{field: "p95", value: 19.5},
				{field: "p99", value: 19.9},
			}},
		},
		"histogram without buckets": {
			{histogramOf(delta, 10, nil, nil, 0), []seen{{field: "count_rate", value: 0}}},
		},
		"histogram whose counts do not fit its bounds": {
			{histogramOf(delta, 10, bounds, []uint64{1, 2}, 0), not(series.Malformed)},
			{histogramOf(delta, 20, nil, []uint64{1, 2}, 0), not(series.Malformed)},
			{histogramOf(delta, 30, bounds, nil, 0), not(series.Malformed)},
			{histogramOf(delta, 40, []float64{2, 1}, []uint64{1, 2, 3}, 0), not(series.Malformed)},
		},
		"histogram of no temporality": {
			{histogramOf(pmetric.AggregationTemporalityUnspecified, 10, bounds, []uint64{1, 2, 3}, 0), not(series.Malformed)},
		},
		"histogram with too many buckets": {
			{histogramOf(delta, 10, make([]float64, 5000), make([]uint64, 5001), 0), not(series.TooManyBuckets)},
		},
		"histogram, sum infinite": {
			{histogramOf(delta, 10, nil, []uint64{4}, math.Inf(1)), []seen{
				{field: "count_rate", value: 0.4}, {field: "mean", why: series.Infinite},
			}},
		},
		"cumulative exponential histogram, scale falls": {
			{exponentialOf(cumulative, 10, 1, 0, []uint64{1, 1}, 3), not(series.FirstPoint)},
			// Scale 0: bucket 0 holds what buckets 0 and 1 of scale 1 did.
			{exponentialOf(cumulative, 20, 0, 0, []uint64{2, 0, 8}, 51), []seen{
				{field: "count_rate", value: 0.8},
				{field: "mean", value: 6},
				{field: "p50", value: math.Exp2(2.5)},
				{field: "p95", value: math.Exp2(2.95)},
				{field: "p99", value: math.Exp2(2.99)},
			}},
			{exponentialOf(cumulative, 30, 0, 0, []uint64{1}, 1), not(series.Reset)},
		},
		"delta exponential histogram": {
			{exponentialOf(delta, 10, 0, 2, []uint64{8}, 48), []seen{
				{field: "count_rate", value: 0.8},
				{field: "mean", value: 6},
				{field: "p50", value: math.Exp2(2.5)},
				{field: "p95", value: math.Exp2(2.95)},
				{field: "p99", value: math.Exp2(2.99)},
			}},
		},
		"exponential histogram of an impossible scale": {
			{exponentialOf(delta, 10, 99, 2, []uint64{8}, 48), not(series.Malformed)},
		},
		"exponential histogram with too many buckets": {
			{exponentialOf(delta, 10, 0, 2, make([]uint64, 5000), 48), not(series.TooManyBuckets)},
		},
		"summary": {
			{summaryOf(10, 100, map[float64]float64{0.5: 3, 0.99: 9}), []seen{
				{why: series.FirstPoint}, {field: "p50", value: 3}, {field: "p99", value: 9},
			}},
			{summaryOf(20, 150, map[float64]float64{0.5: 4, 0.99: nan}), []seen{
				{field: "count_rate", value: 5}, {field: "p50", value: 4},
			}},
			{summaryOf(20, 150, map[float64]float64{0.5: 4}), not(series.Duplicate)},
		},
		"no recorded value": {
			{noValue(gaugeOf(0, 1)), not(series.NoRecorded)},
			{noValue(sumOf(cumulative, true, 0, 10, 100)), not(series.NoRecorded)},
			{noValue(histogramOf(delta, 10, bounds, []uint64{1, 2, 3}, 0)), not(series.NoRecorded)},
			{noValue(exponentialOf(delta, 10, 0, 2, []uint64{8}, 48)), not(series.NoRecorded)},
			{noValue(summaryOf(10, 100, nil)), not(series.NoRecorded)},
		},
		"not a number, infinite": {
			{gaugeOf(0, nan), not(series.NotANumber)},
			{gaugeOf(0, math.Inf(1)), not(series.Infinite)},
			{gaugeOf(0, math.Inf(-1)), not(series.Infinite)},
		},
		"time does not advance": {
			{gaugeOf(10, 1), one(1)},
			{gaugeOf(10, 1), not(series.Duplicate)},
			{gaugeOf(10, 2), not(series.Conflict)},
			{gaugeOf(9, 2), not(series.OutOfOrder)},
		},
		"from the future": {
			{gaugeOf(1000+59, 1), one(1)},
			{gaugeOf(1000+61, 1), not(series.FromFuture)},
			{sumOf(delta, true, 0, 1000+61, 1), not(series.FromFuture)},
		},
		"type changed under one name": {
			{gaugeOf(0, 1), one(1)},
			{sumOf(cumulative, true, 0, 10, 100), not(series.TypeChanged)},
			{sumOf(cumulative, false, 0, 20, 100), not(series.TypeChanged)},
			{gaugeOf(30, 1), one(1)},
		},
		"nothing in it": {
			{pmetric.NewMetrics(), nil},
			{func() pmetric.Metrics { md, _ := oneMetric("m"); return md }(), nil},
			{func() pmetric.Metrics { md, m := oneMetric("m"); m.SetEmptyHistogram(); return md }(), nil},
		},
	}
	for name, batches := range tests {
		t.Run(name, func(t *testing.T) {
			reader := newReader()
			var s scorer
			for i, b := range batches {
				s.got = nil
				reader.Read(b.md, moment(1000), &s)
				require.Len(t, s.got, len(b.want), "batch %d: %v", i, s.got)
				for j, want := range b.want {
					require.Equal(t, want.field, s.got[j].field, "batch %d", i)
					require.Equal(t, want.why, s.got[j].why, "batch %d %s", i, want.field)
					require.InDelta(t, want.value, s.got[j].value, 1e-9, "batch %d %s", i, want.field)
				}
			}
		})
	}
}

func TestUnitChangedUnderOneName(t *testing.T) {
	reader := newReader()
	var s scorer
	md := gaugeOf(0, 1)
	reader.Read(md, moment(0), &s)
	md = gaugeOf(10, 1)
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).SetUnit("MiBy")
	reader.Read(md, moment(10), &s)
	require.Equal(t, []seen{{value: 1}, {why: series.TypeChanged}}, s.got)
}

func TestEveryPointOfEveryMetricIsRead(t *testing.T) {
	md := pmetric.NewMetrics()
	n := 0
	for r := range 2 {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutInt("r", int64(r))
		for s := range 2 {
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName(fmt.Sprint("scope", s))
			for m := range 3 {
				metric := sm.Metrics().AppendEmpty()
				metric.SetName(fmt.Sprint("m", m))
				points := metric.SetEmptyGauge().DataPoints()
				for p := range 4 {
					dp := points.AppendEmpty()
					dp.Attributes().PutInt("p", int64(p))
					number(dp, 0, n)
					n++
				}
			}
		}
	}
	var s scorer
	newReader().Read(md, moment(0), &s)
	require.Len(t, s.got, n)
	for i, got := range s.got {
		require.Equal(t, seen{value: float64(i)}, got)
	}
	require.Len(t, s.memories, n, "every series has a key of its own")
}

func TestPointShowsWhereItComesFrom(t *testing.T) {
	var s scorer
	newReader().Read(histogramOf(delta, 10, nil, []uint64{5}, 50), moment(12), &s)
	require.Len(t, s.points, 2)
	p := s.points[1]
	require.Equal(t, "mean", p.Field)
	require.Equal(t, pmetric.MetricTypeHistogram, p.Type)
	require.Equal(t, uint64(5), p.Histogram.Count())
	require.Equal(t, "m", p.Metric.Name())
	require.Equal(t, "scope", p.ScopeMetrics.Scope().Name())
	require.Equal(t, map[string]any{"host.name": "db1"}, p.Resource().Attributes().AsRaw())
	require.NotEqual(t, s.points[0].Key, p.Key)
}

func TestOwnOutputIsNotReadAgain(t *testing.T) {
	md, m := oneMetric("anomaly.score")
	number(m.SetEmptyGauge().DataPoints().AppendEmpty(), 0, 1)
	var s scorer
	newReader().Read(md, moment(0), &s)
	require.Equal(t, []seen{{why: series.OwnOutput}}, s.got)
	require.True(t, s.points[0].Key.IsZero())
}

func TestDistributionsAreBounded(t *testing.T) {
	reader := NewReader(ReaderSettings{MaxSeries: 1, StaleAfter: time.Minute})
	histogram := func(host string) pmetric.Metrics {
		md := histogramOf(delta, 10, nil, []uint64{5}, math.NaN())
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr("host.name", host)
		return md
	}
	exponential := exponentialOf(delta, 10, 0, 2, []uint64{8}, 48)
	var s scorer
	reader.Read(histogram("a"), moment(10), &s)
	for _, md := range []pmetric.Metrics{histogram("b"), exponential, summaryOf(10, 1, nil)} {
		s.got = nil
		reader.Read(md, moment(10), &s)
		require.Equal(t, []seen{{why: series.TableFull}}, s.got)
	}
	require.Equal(t, series.Counts{Tracked: 1, Refused: 3}, reader.Counts())
	require.Equal(t, 1, reader.Sweep(moment(100), 1000))
	s.got = nil
	reader.Read(histogram("b"), moment(10), &s)
	require.Equal(t, []seen{{field: "count_rate", value: 0.5}}, s.got)
}

func TestQuantilesAreThoseThatWereAskedFor(t *testing.T) {
	reader := NewReader(ReaderSettings{Quantiles: []float64{0.75, 0.999}, MaxSeries: 1, StaleAfter: time.Minute})
	var s scorer
	reader.Read(histogramOf(delta, 10, []float64{0, 100}, []uint64{0, 10, 0}, math.NaN()), moment(10), &s)
	require.Equal(t, []seen{{field: "count_rate", value: 1}, {field: "p75", value: 75}, {field: "p99.9", value: 99.9}}, s.got)
	for _, q := range []float64{0, 1, -1, 2, math.NaN()} {
		require.Panics(t, func() { NewReader(ReaderSettings{Quantiles: []float64{q}, MaxSeries: 1, StaleAfter: 1}) }, "%v", q)
	}
}

func TestSummaryQuantilesAreBoundedAndChecked(t *testing.T) {
	md, m := oneMetric("m")
	dp := m.SetEmptySummary().DataPoints().AppendEmpty()
	dp.SetTimestamp(stamp(0))
	for _, q := range []float64{-1, 2, math.NaN(), math.Inf(1)} {
		e := dp.QuantileValues().AppendEmpty()
		e.SetQuantile(q)
		e.SetValue(1)
	}
	for i := range 1000 {
		e := dp.QuantileValues().AppendEmpty()
		e.SetQuantile(float64(i) / 1000)
		e.SetValue(1)
	}
	var s scorer
	newReader().Read(md, moment(0), &s)
	require.Len(t, s.got, 1+maxSummaryQuantiles-4)
}

func TestDeltaExtremesBoundTheQuantiles(t *testing.T) {
	histogram := histogramOf(delta, 10, []float64{10}, []uint64{0, 8}, 100)
	dp := histogram.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints().At(0)
	dp.SetMin(12)
	dp.SetMax(14)
	exponential := exponentialOf(delta, 10, 0, 3, []uint64{8}, 100) // (8, 16]
	ep := exponential.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints().At(0)
	ep.SetMin(12)
	ep.SetMax(14)
	for _, md := range []pmetric.Metrics{histogram, exponential} {
		var s scorer
		newReader().Read(md, moment(10), &s)
		require.Len(t, s.got, 5)
		for _, got := range s.got[2:] {
			require.GreaterOrEqual(t, got.value, 12.0, got.field)
			require.LessOrEqual(t, got.value, 14.0, got.field)
		}
	}
}
