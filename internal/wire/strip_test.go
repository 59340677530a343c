// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// everyType makes one batch with one point of each of the five types (and both
// kinds of sum), each with an attribute.
func everyType() pmetric.Metrics {
	md := pmetric.NewMetrics()
	for i, one := range []pmetric.Metrics{
		gaugeOf(10, 1.5),
		sumOf(cumulative, true, 0, 10, 7),
		sumOf(delta, true, 0, 10, 7),
		histogramOf(delta, 10, []float64{10}, []uint64{5, 5}, 100),
		exponentialOf(delta, 10, 0, 2, []uint64{8}, 48),
		summaryOf(10, 100, map[float64]float64{0.5: 3, 0.99: 9}),
	} {
		m := one.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
		m.SetName([]string{"gauge", "counter", "delta", "histogram", "exponential", "summary"}[i])
		shellOf(m).Attributes().PutStr("device", "sda")
		one.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
	}
	return md
}

func copyOf(md pmetric.Metrics) pmetric.Metrics {
	c := pmetric.NewMetrics()
	md.CopyTo(c)
	return c
}

// attributeMaps lists every attribute map of a batch that detection reads.
func attributeMaps(md pmetric.Metrics) []pcommon.Map {
	var maps []pcommon.Map
	for _, rm := range md.ResourceMetrics().All() {
		maps = append(maps, rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			maps = append(maps, sm.Scope().Attributes())
			for _, m := range sm.Metrics().All() {
				maps = append(maps, shellOf(m).Attributes())
			}
		}
	}
	return maps
}

func TestStripRemovesWhatOthersHaveFlagged(t *testing.T) {
	md := everyType()
	want := copyOf(md)
	maps := attributeMaps(md)
	require.Len(t, maps, 18)
	for _, m := range maps {
		m.PutStr("anomaly.state", "firing")
		m.PutEmptySlice("anomaly.rules").AppendEmpty().SetStr("x")
		m.PutStr("anomaly.", "an empty name is ours too")
	}
	require.Equal(t, 3*len(maps), StripAnomaly(md))
	require.Equal(t, bytesOf(t, want), bytesOf(t, md))
}

func bytesOf(t testing.TB, md pmetric.Metrics) []byte {
	t.Helper()
	data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	return data
}

func TestStripKeepsWhatOnlyLooksLikeIt(t *testing.T) {
	md := gaugeOf(0, 1)
	m := md.ResourceMetrics().At(0).Resource().Attributes()
	m.PutStr("anomaly", "a word")
	m.PutStr("anomalyscore", "another")
	m.PutStr("my.anomaly.score", "not at the start")
	want := copyOf(md)
	require.Zero(t, StripAnomaly(md))
	require.Equal(t, bytesOf(t, want), bytesOf(t, md))
}

func TestStripWritesNothingWhereThereIsNothing(t *testing.T) {
	md := everyType()
	md.MarkReadOnly() // a write would panic
	require.NotPanics(t, func() { require.Zero(t, StripAnomaly(md)) })
	require.Zero(t, testing.AllocsPerRun(100, func() { StripAnomaly(md) }))
}

func BenchmarkStrip(b *testing.B) {
	const n = 2000
	md := gauges(n)
	b.ReportAllocs()
	for b.Loop() {
		StripAnomaly(md)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/point")
}
