// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestReadDoesNotAllocateInSteadyState(t *testing.T) {
	for name, make := range map[string]func(at float64) pmetric.Metrics{
		"sums":  func(at float64) pmetric.Metrics { md := gauges(200); advance(md, at); return md },
		"gauge": func(at float64) pmetric.Metrics { return gaugeOf(at, 1.5) },
		"histogram": func(at float64) pmetric.Metrics {
			return histogramOf(cumulative, at, []float64{1, 2}, []uint64{1, 2, 3}, 5)
		},
		"exponential": func(at float64) pmetric.Metrics { return exponentialOf(cumulative, at, 1, 0, []uint64{1, 2, 3}, 5) },
		"summary": func(at float64) pmetric.Metrics {
			return summaryOf(at, uint64(at), map[float64]float64{0.5: 3, 0.99: 9})
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
				md := histogramOf(cumulative, float64(i), []float64{1, 2}, []uint64{1, 2, uint64(i)}, 5)
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
