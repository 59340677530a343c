// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A comparison that overlooks something would make every other test here
// worthless, so it is tried on one change of each kind.
func TestFlattenSeesEveryChange(t *testing.T) {
	first := func(md pmetric.Metrics, name string) pmetric.Metric {
		for _, sm := range md.ResourceMetrics().At(0).ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() == name {
					return m
				}
			}
		}
		require.Fail(t, "no metric "+name)
		return pmetric.Metric{}
	}
	changes := map[string]func(md pmetric.Metrics){
		"resource attribute": func(md pmetric.Metrics) { md.ResourceMetrics().At(0).Resource().Attributes().PutStr("host.name", "x") },
		"resource dropped":   func(md pmetric.Metrics) { md.ResourceMetrics().At(0).Resource().SetDroppedAttributesCount(0) },
		"resource schema":    func(md pmetric.Metrics) { md.ResourceMetrics().At(0).SetSchemaUrl("") },
		"empty resource": func(md pmetric.Metrics) {
			md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool { return rm.ScopeMetrics().Len() == 0 })
		},
		"scope name":        func(md pmetric.Metrics) { md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().SetName("x") },
		"scope attribute":   func(md pmetric.Metrics) { md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Attributes().Clear() },
		"scope schema":      func(md pmetric.Metrics) { md.ResourceMetrics().At(0).ScopeMetrics().At(0).SetSchemaUrl("x") },
		"empty scope":       func(md pmetric.Metrics) { md.ResourceMetrics().At(0).ScopeMetrics().At(1).Scope().SetName("x") },
		"metric name":       func(md pmetric.Metrics) { first(md, "requests").SetName("x") },
		"metric unit":       func(md pmetric.Metrics) { first(md, "requests").SetUnit("x") },
		"description":       func(md pmetric.Metrics) { first(md, "requests").SetDescription("x") },
		"metadata":          func(md pmetric.Metrics) { first(md, "requests").Metadata().Clear() },
		"monotonic":         func(md pmetric.Metrics) { first(md, "requests").Sum().SetIsMonotonic(false) },
		"temporality":       func(md pmetric.Metrics) { first(md, "requests").Sum().SetAggregationTemporality(1) },
		"empty metric type": func(md pmetric.Metrics) { first(md, "nothing").SetEmptyGauge() },
		"value":             func(md pmetric.Metrics) { first(md, "requests").Sum().DataPoints().At(0).SetIntValue(1 << 53) },
		"int to double": func(md pmetric.Metrics) {
			p := first(md, "queue.length").Gauge().DataPoints().At(1)
			p.SetDoubleValue(float64(p.IntValue()))
		},
		"value gone": func(md pmetric.Metrics) { first(md, "queue.length").Gauge().DataPoints().At(5).SetIntValue(0) },
		"NaN's bits": func(md pmetric.Metrics) {
			p := first(md, "room.temperature").Gauge().DataPoints()
			p.At(4).SetDoubleValue(p.At(3).DoubleValue())
		},
		"sign of 0": func(md pmetric.Metrics) { first(md, "room.temperature").Gauge().DataPoints().At(2).SetDoubleValue(0) },
		"start":     func(md pmetric.Metrics) { first(md, "requests").Sum().DataPoints().At(0).SetStartTimestamp(0) },
		"flags":     func(md pmetric.Metrics) { first(md, "gone.sum").Sum().DataPoints().At(0).SetFlags(0) },
		"exemplar": func(md pmetric.Metrics) {
			first(md, "requests").Sum().DataPoints().At(4).Exemplars().At(0).SetIntValue(1 << 60)
		},
		"optional 0": func(md pmetric.Metrics) { first(md, "latency.delta").Histogram().DataPoints().At(0).RemoveMin() },
		"bucket": func(md pmetric.Metrics) {
			first(md, "size").ExponentialHistogram().DataPoints().At(0).Positive().BucketCounts().SetAt(1, 1)
		},
		"quantile": func(md pmetric.Metrics) {
			first(md, "gc.pause").Summary().DataPoints().At(0).QuantileValues().At(4).SetQuantile(1)
		},
		"duplicate": func(md pmetric.Metrics) {
			n := -1
			first(md, "clock").Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { n++; return n == 6 })
		},
		"nested": func(md pmetric.Metrics) {
			v, _ := first(md, "attributes").Gauge().DataPoints().At(1).Attributes().Get("map")
			v.Map().PutStr("z", "")
		},
		"added point": func(md pmetric.Metrics) { first(md, "nothing.gauge").Gauge().DataPoints().AppendEmpty() },
	}
	want := Flatten(t, payload(epoch, GRPC))
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			md := payload(epoch, GRPC)
			change(md)
			require.NotEqual(t, want, Flatten(t, md))
		})
	}
}

func TestFlattenIgnoresOrderAndGrouping(t *testing.T) {
	md := payload(epoch, GRPC)
	shuffled := pmetric.NewMetrics()
	EachItem(md, func(item pmetric.Metrics) { // every point in a resource of its own
		item.ResourceMetrics().MoveAndAppendTo(shuffled.ResourceMetrics())
	})
	order := rand.New(rand.NewPCG(1, 2)).Perm(shuffled.ResourceMetrics().Len())
	mixed := pmetric.NewMetrics()
	for _, i := range order {
		shuffled.ResourceMetrics().At(i).CopyTo(mixed.ResourceMetrics().AppendEmpty())
	}
	PointAttributes(mixed, func(_ pmetric.Metric, attributes pcommon.Map) { reverse(attributes) })
	RequireEqual(t, md, mixed)
}

func reverse(m pcommon.Map) {
	var keys []string
	for key := range m.All() {
		keys = append(keys, key)
	}
	slices.Reverse(keys)
	out := pcommon.NewMap()
	for _, key := range keys {
		value, _ := m.Get(key)
		value.CopyTo(out.PutEmpty(key))
	}
	out.CopyTo(m)
}

func TestPrometheusSeries(t *testing.T) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	rm.Resource().Attributes().PutStr("service.namespace", "eu")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	add := func(name, unit string) pmetric.Metric {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetUnit(unit)
		return m
	}
	gauge := add("anomaly.score", "1").SetEmptyGauge().DataPoints()
	for _, value := range []float64{1, 2} { // one series, two samples
		p := gauge.AppendEmpty()
		p.Attributes().PutStr("a.b", "x")
		p.Attributes().PutStr("a_b", "y")
		p.SetDoubleValue(value)
	}
	sum := add("system.cpu.time", "s").SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.DataPoints().AppendEmpty()
	h := add("latency", "ms").SetEmptyHistogram().DataPoints().AppendEmpty()
	h.ExplicitBounds().FromRaw([]float64{0.5})
	h.SetSum(1)
	add("size", "By").SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	s := add("pause", "").SetEmptySummary().DataPoints().AppendEmpty()
	s.QuantileValues().AppendEmpty().SetQuantile(0.5)

	const rest = `job="eu/shop",otel_scope_name="",otel_scope_version="",service_name="shop",service_namespace="eu"`
	want := []string{
		`anomaly_score_ratio{a_b="x;y",` + rest + `}`,
		`latency_milliseconds_bucket{job="eu/shop",le="+Inf",` + rest[len(`job="eu/shop",`):] + `}`,
		`latency_milliseconds_bucket{job="eu/shop",le="0.5",` + rest[len(`job="eu/shop",`):] + `}`,
		`latency_milliseconds_count{` + rest + `}`,
		`latency_milliseconds_sum{` + rest + `}`,
		`pause_count{` + rest + `}`,
		`pause_sum{` + rest + `}`,
		`pause{job="eu/shop",otel_scope_name="",otel_scope_version="",quantile="0.5",service_name="shop",service_namespace="eu"}`,
		`size_bytes{` + rest + `}`,
		`system_cpu_time_seconds_total{` + rest + `}`,
		`target_info{job="eu/shop",service_name="shop",service_namespace="eu"}`,
	}
	var got []string
	for name := range PrometheusSeries(t, md) {
		got = append(got, name)
	}
	require.ElementsMatch(t, want, got)
}

func TestProcess(t *testing.T) {
	sh := func(script string) Command { return Command{Path: "/bin/sh", Args: []string{"-c", script}} }
	t.Run("run", func(t *testing.T) {
		out, code := Run(t, sh("echo out; echo err >&2; exit 3"))
		require.Equal(t, "out\nerr\n", out)
		require.Equal(t, 3, code)
	})
	t.Run("stop", func(t *testing.T) {
		p := Start(t, sh("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"))
		p.AwaitOutput(t, "ready")
		require.False(t, p.Exited())
		require.Zero(t, p.Stop(t))
		require.Contains(t, p.Output(), "bye")
	})
	t.Run("kill", func(t *testing.T) {
		p := Start(t, sh("trap '' TERM; echo ready; while :; do sleep 0.05; done"))
		p.AwaitOutput(t, "ready")
		p.Kill()
		require.True(t, p.Exited())
		require.Equal(t, syscall.SIGKILL, p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
		p.Signal(t, syscall.SIGTERM) // a process that has gone is no error
	})
}

func TestSinkTakesWhatTheClientSends(t *testing.T) {
	for _, by := range Transports() {
		t.Run(string(by), func(t *testing.T) {
			sink := NewSink(t)
			md := payload(epoch, by)
			require.NoError(t, NewClient(t, sink.GRPC, sink.HTTP).Send(t.Context(), by, md))
			want := payload(epoch, by)
			require.Equal(t, want.DataPointCount(), sink.Points())
			RequireEqual(t, want, sink.Metrics())
		})
	}
}
