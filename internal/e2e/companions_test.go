// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// What a Prometheus-like backend holds must not depend on detection, but for
// the documented companion metrics. Score attributes on source points would
// make a new series of every value; this test is what would notice.
func TestSeriesInABackendAreUnchanged(t *testing.T) {
	t.Parallel()
	b := startRoundTrip(t)
	sent := pmetric.NewMetrics()
	start := time.Now().Add(-time.Minute)
	for round := range 30 {
		md := ordinary(start.Add(time.Duration(round)*2*time.Second), round)
		require.NoError(t, b.client.Send(t.Context(), Transports()[round%3], md))
		md.ResourceMetrics().MoveAndAppendTo(sent.ResourceMetrics())
	}
	b.awaitSource(t, sent.DataPointCount())
	wantCompanions := companionSeries(t)
	b.Await(t, "the metrics of both hosts", func() bool { return metricNames(b.scores.Metrics())["anomaly.rate"] >= 4 })
	require.Zero(t, b.Stop(t))

	RequireEqual(t, sent, b.source.Metrics())
	want := PrometheusSeries(t, sent)
	require.Len(t, want, 2*(3+1+5+1+5+1), "the test itself lost series")
	require.Equal(t, want, PrometheusSeries(t, b.source.Metrics()))

	var companions []string
	for series := range PrometheusSeries(t, b.scores.Metrics()) {
		if _, known := want[series]; !known { // target_info of a resource that the backend knows
			companions = append(companions, series)
		}
	}
	require.ElementsMatch(t, wantCompanions, companions)
}

// A gateway receives the companion metrics of its agents. They are source data
// like any other, which must not come out a second time as its own.
func TestCompanionsOfOtherAgentsPassOnce(t *testing.T) {
	t.Parallel()
	b := startRoundTrip(t)
	md := ordinary(time.Now(), 0)
	rm := md.ResourceMetrics().At(0)
	theirs := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	theirs.SetName("anomaly.score")
	p := theirs.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	p.SetDoubleValue(1234)
	require.NoError(t, b.client.Send(t.Context(), Transports()[0], md))
	b.awaitSource(t, md.DataPointCount())
	b.Await(t, "companions of our own", func() bool { return metricNames(b.scores.Metrics())["anomaly.rate"] > 0 })
	require.Zero(t, b.Stop(t))

	RequireEqual(t, md, b.source.Metrics())
	for _, rm := range b.scores.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() == "anomaly.score" {
					require.NotEqual(t, 1234.0, m.Gauge().DataPoints().At(0).DoubleValue(), "a companion of another agent came out as ours")
				}
			}
		}
	}
}

// ordinary is one scrape of two hosts: three gauges, a counter, a histogram,
// an exponential histogram and a summary each, all with moving values. One
// queue of host a is too long from the 10th scrape to the 19th.
func ordinary(at time.Time, round int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	random := rand.New(rand.NewPCG(1, uint64(round)))
	now := pcommon.NewTimestampFromTime(at)
	for _, host := range []string{"a", "b"} {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("host.name", host)
		rm.Resource().Attributes().PutStr("host.id", "id-"+host)
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("e2e")
		add := func(name, unit string) pmetric.Metric {
			m := sm.Metrics().AppendEmpty()
			m.SetName(name)
			m.SetUnit(unit)
			return m
		}
		queues := add("queue.length", "{item}").SetEmptyGauge().DataPoints()
		for i := range 3 {
			p := queues.AppendEmpty()
			p.Attributes().PutInt("queue", int64(i))
			p.SetTimestamp(now)
			p.SetIntValue(random.Int64N(10))
			if host == "a" && i == 1 && round >= 10 && round < 20 {
				p.SetIntValue(5000 + int64(round))
			}
		}
		sum := add("requests", "{request}").SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := sum.DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.SetIntValue(int64(round) * 100)

		latency := add("latency", "s").SetEmptyHistogram()
		latency.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		h := latency.DataPoints().AppendEmpty()
		h.SetTimestamp(now)
		h.ExplicitBounds().FromRaw([]float64{0.1, 1})
		h.BucketCounts().FromRaw([]uint64{random.Uint64N(50), random.Uint64N(9), 1})
		h.SetCount(60)
		h.SetSum(random.Float64())

		size := add("size", "By").SetEmptyExponentialHistogram()
		size.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		e := size.DataPoints().AppendEmpty()
		e.SetTimestamp(now)
		e.SetCount(6)
		e.Positive().BucketCounts().FromRaw([]uint64{1, random.Uint64N(9), 4})

		s := add("gc.pause", "s").SetEmptySummary().DataPoints().AppendEmpty()
		s.SetTimestamp(now)
		s.SetCount(uint64(round))
		for _, quantile := range []float64{0, 0.5, 1} {
			q := s.QuantileValues().AppendEmpty()
			q.SetQuantile(quantile)
			q.SetValue(random.Float64())
		}
	}
	return md
}

// host_identity adds what is missing on a resource that names no host, to
// every copy, and leaves one that names a host alone.
func TestHostIdentityIsTheOnlyAddition(t *testing.T) {
	t.Parallel()
	b := startRoundTrip(t)
	sent := ordinary(time.Now(), 0)
	nameless := pmetric.NewMetrics()
	sent.CopyTo(nameless)
	for _, rm := range nameless.ResourceMetrics().All() {
		rm.Resource().Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "host.") })
		rm.Resource().Attributes().PutStr("service.name", "nameless")
	}
	require.NoError(t, b.client.Send(t.Context(), GRPC, sent))
	require.NoError(t, b.client.Send(t.Context(), GRPC, nameless))
	b.awaitSource(t, sent.DataPointCount()+nameless.DataPointCount())
	require.Zero(t, b.Stop(t))

	hostname, err := os.Hostname()
	require.NoError(t, err)
	got := b.source.Metrics()
	for _, rm := range got.ResourceMetrics().All() {
		attributes := rm.Resource().Attributes()
		if _, ok := attributes.Get("service.name"); !ok {
			continue
		}
		name, _ := attributes.Get("host.name")
		require.Equal(t, hostname, name.Str())
		attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
			return slices.Contains([]string{"host.name", "host.id", "os.type"}, key)
		})
	}
	want := sent
	nameless.ResourceMetrics().MoveAndAppendTo(want.ResourceMetrics())
	RequireEqual(t, want, got)
}

// companionSeries lists every series that detection adds for ordinary: seven
// for each host, and one for the series that was not normal.
func companionSeries(t *testing.T) (all []string) {
	t.Helper()
	out, _ := Run(t, Command{Path: Binary(t), Args: []string{"--version"}})
	words := strings.Fields(out) // otelcol-homeostat version 0.1.0
	require.Len(t, words, 3)
	scope := `otel_scope_name="github.com/homeostat/homeostat/processor/anomalyprocessor",otel_scope_version="` + words[2] + `"`
	for _, host := range []string{"a", "b"} {
		resource := `host_id="id-` + host + `",host_name="` + host + `",` + scope
		all = append(all, "anomaly_rate_ratio{"+resource+"}")
		for _, severity := range []string{"info", "warning", "critical"} {
			labels := `{anomaly_severity="` + severity + `",` + resource + "}"
			all = append(all, "anomaly_active"+labels, "anomaly_detections_total"+labels)
		}
	}
	return append(all, `anomaly_score_ratio{anomaly_metric="queue.length",host_id="id-a",host_name="a",`+scope+`,queue="1"}`)
}
