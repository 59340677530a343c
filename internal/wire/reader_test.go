// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

func histogramOf(temporality pmetric.AggregationTemporality, start, at float64, bounds []float64, counts []uint64, sum float64) pmetric.Metrics {
	md, m := oneMetric("m")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(temporality)
	dp := h.DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(start))
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

func exponentialOf(temporality pmetric.AggregationTemporality, start, at float64, scale, offset int32, counts []uint64, sum float64) pmetric.Metrics {
	md, m := oneMetric("m")
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(temporality)
	dp := h.DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(start))
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

func summaryOf(start, at float64, count uint64, quantiles map[float64]float64) pmetric.Metrics {
	md, m := oneMetric("m")
	dp := m.SetEmptySummary().DataPoints().AppendEmpty()
	dp.SetStartTimestamp(stamp(start))
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
			{histogramOf(cumulative, 0, 10, bounds, []uint64{5, 5, 5}, 200), not(series.FirstPoint)},
			{histogramOf(cumulative, 0, 20, bounds, []uint64{5, 25, 5}, 500), []seen{
				{field: "count_rate", value: 2}, {field: "mean", value: 15},
				{field: "p50", value: 15}, {field: "p95", value: 19.5}, {field: "p99", value: 19.9},
			}},
			{histogramOf(cumulative, 0, 30, bounds, []uint64{5, 25, 5}, 500), []seen{{field: "count_rate", value: 0}}},
			{histogramOf(cumulative, 0, 40, bounds, []uint64{1, 0, 0}, 1), not(series.Reset)},
			{histogramOf(cumulative, 0, 50, []float64{10, 30}, []uint64{5, 25, 5}, 500), not(series.BoundsChanged)},
		},
		"cumulative histogram without a sum": {
			{histogramOf(cumulative, 0, 10, bounds, []uint64{5, 5, 5}, nan), not(series.FirstPoint)},
			{histogramOf(cumulative, 0, 20, bounds, []uint64{5, 25, 5}, nan), []seen{
				{field: "count_rate", value: 2}, {field: "p50", value: 15}, {field: "p95", value: 19.5}, {field: "p99", value: 19.9},
			}},
		},
		"delta histogram": {
			{histogramOf(delta, 0, 10, bounds, []uint64{0, 20, 0}, 300), []seen{
				{field: "count_rate", value: 2}, {field: "mean", value: 15},
				{field: "p50", value: 15}, {field: "p95", value: 19.5}, {field: "p99", value: 19.9},
			}},
		},
		"histogram without buckets": {
			{histogramOf(delta, 0, 10, nil, nil, 0), []seen{{field: "count_rate", value: 0}}},
		},
		"histogram whose counts do not fit its bounds": {
			{histogramOf(delta, 0, 10, bounds, []uint64{1, 2}, 0), not(series.Malformed)},
			{histogramOf(delta, 0, 20, nil, []uint64{1, 2}, 0), not(series.Malformed)},
			{histogramOf(delta, 0, 30, bounds, nil, 0), not(series.Malformed)},
			{histogramOf(delta, 0, 40, []float64{2, 1}, []uint64{1, 2, 3}, 0), not(series.Malformed)},
		},
		"histogram of no temporality": {
			{histogramOf(pmetric.AggregationTemporalityUnspecified, 0, 10, bounds, []uint64{1, 2, 3}, 0), not(series.Malformed)},
		},
		"histogram with too many buckets": {
			{histogramOf(delta, 0, 10, make([]float64, 5000), make([]uint64, 5001), 0), not(series.TooManyBuckets)},
		},
		"histogram, sum infinite": {
			{histogramOf(delta, 0, 10, nil, []uint64{4}, math.Inf(1)), []seen{
				{field: "count_rate", value: 0.4}, {field: "mean", why: series.Infinite},
			}},
		},
		"cumulative exponential histogram, scale falls": {
			{exponentialOf(cumulative, 0, 10, 1, 0, []uint64{1, 1}, 3), not(series.FirstPoint)},
			// Scale 0: bucket 0 holds what buckets 0 and 1 of scale 1 did.
			{exponentialOf(cumulative, 0, 20, 0, 0, []uint64{2, 0, 8}, 51), []seen{
				{field: "count_rate", value: 0.8}, {field: "mean", value: 6},
				{field: "p50", value: math.Exp2(2.5)}, {field: "p95", value: math.Exp2(2.95)}, {field: "p99", value: math.Exp2(2.99)},
			}},
			{exponentialOf(cumulative, 0, 30, 0, 0, []uint64{1}, 1), not(series.Reset)},
		},
		"delta exponential histogram": {
			{exponentialOf(delta, 0, 10, 0, 2, []uint64{8}, 48), []seen{
				{field: "count_rate", value: 0.8}, {field: "mean", value: 6},
				{field: "p50", value: math.Exp2(2.5)}, {field: "p95", value: math.Exp2(2.95)}, {field: "p99", value: math.Exp2(2.99)},
			}},
		},
		"exponential histogram of an impossible scale": {
			{exponentialOf(delta, 0, 10, 99, 2, []uint64{8}, 48), not(series.Malformed)},
		},
		"exponential histogram with too many buckets": {
			{exponentialOf(delta, 0, 10, 0, 2, make([]uint64, 5000), 48), not(series.TooManyBuckets)},
		},
		"summary": {
			{summaryOf(0, 10, 100, map[float64]float64{0.5: 3, 0.99: 9}), []seen{
				{why: series.FirstPoint}, {field: "p50", value: 3}, {field: "p99", value: 9},
			}},
			{summaryOf(0, 20, 150, map[float64]float64{0.5: 4, 0.99: nan}), []seen{
				{field: "count_rate", value: 5}, {field: "p50", value: 4},
			}},
			{summaryOf(0, 20, 150, map[float64]float64{0.5: 4}), not(series.Duplicate)},
		},
		"no recorded value": {
			{noValue(gaugeOf(0, 1)), not(series.NoRecorded)},
			{noValue(sumOf(cumulative, true, 0, 10, 100)), not(series.NoRecorded)},
			{noValue(histogramOf(delta, 0, 10, bounds, []uint64{1, 2, 3}, 0)), not(series.NoRecorded)},
			{noValue(exponentialOf(delta, 0, 10, 0, 2, []uint64{8}, 48)), not(series.NoRecorded)},
			{noValue(summaryOf(0, 10, 100, nil)), not(series.NoRecorded)},
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
	newReader().Read(histogramOf(delta, 0, 10, nil, []uint64{5}, 50), moment(12), &s)
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
		md := histogramOf(delta, 0, 10, nil, []uint64{5}, math.NaN())
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr("host.name", host)
		return md
	}
	exponential := exponentialOf(delta, 0, 10, 0, 2, []uint64{8}, 48)
	var s scorer
	reader.Read(histogram("a"), moment(10), &s)
	for _, md := range []pmetric.Metrics{histogram("b"), exponential, summaryOf(0, 10, 1, nil)} {
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
	reader.Read(histogramOf(delta, 0, 10, []float64{0, 100}, []uint64{0, 10, 0}, math.NaN()), moment(10), &s)
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

func TestReadDoesNotAllocateInSteadyState(t *testing.T) {
	for name, make := range map[string]func(at float64) pmetric.Metrics{
		"sums":  func(at float64) pmetric.Metrics { md := gauges(200); advance(md, at); return md },
		"gauge": func(at float64) pmetric.Metrics { return gaugeOf(at, 1.5) },
		"histogram": func(at float64) pmetric.Metrics {
			return histogramOf(cumulative, 0, at, []float64{1, 2}, []uint64{1, 2, 3}, 5)
		},
		"exponential": func(at float64) pmetric.Metrics { return exponentialOf(cumulative, 0, at, 1, 0, []uint64{1, 2, 3}, 5) },
		"summary": func(at float64) pmetric.Metrics {
			return summaryOf(0, at, uint64(at), map[float64]float64{0.5: 3, 0.99: 9})
		},
		"attributes of every type": func(at float64) pmetric.Metrics {
			md := gaugeOf(at, 1.5)
			a := md.ResourceMetrics().At(0).Resource().Attributes()
			require.NoError(t, a.FromRaw(map[string]any{"s": "x", "i": 1, "d": 1.5, "b": true, "y": []byte{1, 2}, "l": []any{"a", 1}, "m": map[string]any{"a": 1}, "n": nil}))
			return md
		},
	} {
		t.Run(name, func(t *testing.T) {
			reader, v := newReader(), newTabled(1000)
			batches := []pmetric.Metrics{make(1), make(2)}
			for i := range 201 {
				batches = append(batches, make(float64(3+i)))
			}
			for _, md := range batches[:2] {
				reader.Read(md, moment(300), v)
			}
			rest := batches[2:]
			allocs := testing.AllocsPerRun(200, func() {
				reader.Read(rest[0], moment(300), v)
				rest = rest[1:]
			})
			require.Zero(t, allocs)
			require.Positive(t, v.scored)
		})
	}
}

func TestReaderIsSafeForConcurrentUse(t *testing.T) {
	reader, v := newReader(), newTabled(1000)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			local := *v // scored is counted apart
			for i := range 50 {
				md := histogramOf(cumulative, 0, float64(i), []float64{1, 2}, []uint64{1, 2, uint64(i)}, 5)
				gaugeOf(float64(i), i).ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
				reader.Read(md, moment(300), &local)
				reader.Sweep(moment(300), 100)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), reader.Counts().Tracked)
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{2_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", n), func(b *testing.B) {
			reader, v, md := newReader(), newTabled(n), gauges(n)
			reader.Read(md, moment(0), v)
			at := 0.0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				at += 5
				advance(md, at)
				b.StartTimer()
				v.now = moment(at)
				reader.Read(md, v.now, v)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/point")
			require.NotZero(b, v.scored)
		})
	}
}

func BenchmarkReadHistograms(b *testing.B) {
	const n = 1000
	md, m := oneMetric("http.server.request.duration")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(cumulative)
	for i := range n {
		dp := h.DataPoints().AppendEmpty()
		dp.Attributes().PutInt("route", int64(i))
		dp.ExplicitBounds().FromRaw([]float64{5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000})
		dp.BucketCounts().FromRaw(make([]uint64, 15))
	}
	reader, v := newReader(), newTabled(5*n)
	at := 0.0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		at += 5
		for _, dp := range h.DataPoints().All() {
			dp.SetTimestamp(stamp(at))
			dp.SetCount(dp.Count() + 10)
			dp.SetSum(dp.Sum() + 100)
			dp.BucketCounts().SetAt(3, dp.Count())
		}
		b.StartTimer()
		v.now = moment(at)
		reader.Read(md, v.now, v)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/point")
}
