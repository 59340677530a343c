// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/homeostat/homeostat/processor/anomalyprocessor/internal/metadata"
)

func nopSettings() processor.Settings { return processortest.NewNopSettings(metadata.Type) }

// fleet makes one batch with n series: hosts of 200, on 20 metrics.
func fleet(n int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for h := range n / 200 {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("host.name", fmt.Sprintf("host-%d", h))
		rm.Resource().Attributes().PutStr("host.id", fmt.Sprintf("%032d", h))
		rm.Resource().Attributes().PutStr("os.type", "linux")
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("bench")
		for m := range 20 {
			metric := sm.Metrics().AppendEmpty()
			metric.SetName(fmt.Sprintf("system.metric.%d", m))
			dps := metric.SetEmptyGauge().DataPoints()
			for i := range 10 {
				dp := dps.AppendEmpty()
				dp.Attributes().PutStr("device", fmt.Sprintf("sd%d", i))
				dp.Attributes().PutStr("state", "used")
			}
		}
	}
	return md
}

// tick moves every point 10 s on and varies it a little.
func tick(md pmetric.Metrics, i int, start time.Time) {
	at := pcommon.NewTimestampFromTime(start.Add(time.Duration(i) * 10 * time.Second))
	k := uint64(i)
	for _, rm := range md.ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			for _, dp := range m.Gauge().DataPoints().All() {
				k = k*6364136223846793005 + 1442695040888963407
				dp.SetTimestamp(at)
				dp.SetDoubleValue(100 + float64(k>>60))
			}
		}
	}
}

const benchRules = `
rules:
  - {name: a, metric: system.metric.3, condition: value > 1000, for: 1m}
  - {name: b, metric: system.metric.4, condition: 'attributes["state"] == "used" and value > 1000'}
`

// BenchmarkProcess: the whole processor in steady state, per point, with two
// rules that touch a tenth of the points.
func BenchmarkProcess(b *testing.B) {
	for _, n := range []int{2_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", n), func(b *testing.B) {
			p, err := newProcessor(nopSettings(), configure(b, "companion_metrics: {enabled: false}"+benchRules), nil)
			require.NoError(b, err)
			md := fleet(n)
			start := time.Now().Add(-365 * 24 * time.Hour)
			i := 0
			round := func() {
				i++
				b.StopTimer()
				tick(md, i, start)
				b.StartTimer()
				_, _ = p.process(b.Context(), md)
			}
			for range 3 {
				round()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				round()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/point")
		})
	}
}

// The path of an ordinary point without rules must not allocate.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	p, err := newProcessor(nopSettings(), configure(t, "companion_metrics: {enabled: false}"), nil)
	require.NoError(t, err)
	md := fleet(2000)
	start := time.Now().Add(-365 * 24 * time.Hour)
	for i := range 5 {
		tick(md, i, start)
		_, _ = p.process(t.Context(), md)
	}
	i := 10
	run := func(process bool) float64 {
		return testing.AllocsPerRun(20, func() {
			i++
			tick(md, i, start) // setting a value allocates
			if process {
				_, _ = p.process(t.Context(), md)
			}
		})
	}
	setting := run(false)
	require.Less(t, run(true)-setting, 20.0, "a batch of 2000 points may cost a few allocations of telemetry, and none for a point")
	require.NoError(t, p.shutdown(t.Context()))
}
