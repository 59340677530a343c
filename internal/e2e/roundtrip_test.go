// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// roundTripOverlay is laid over the shipped configuration, so that what is
// tested is what ships: it moves ports, replaces the rules, and puts backends
// of our own where data leaves each of the shipped pipelines.
const roundTripOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "{{grpc}}"}
      http: {endpoint: "{{http}}"}
processors:
  anomaly:
    companion_metrics: {interval: 1s}
    rules:
      - name: forged-above-four
        metric: forged.gauge
        condition: value > 4
        fault: e2e_fault
        severity: warning
      - name: long-queue
        metric: queue.length
        condition: value > 1000
        fault: e2e_queue
        severity: critical
exporters:
  otlp_grpc/source: {endpoint: "{{source}}", tls: {insecure: true}}
  otlp_grpc/annotated: {endpoint: "{{annotated}}", tls: {insecure: true}, compression: none}
  otlp_http/scores: {endpoint: "http://{{scores}}"}
extensions:
  health_check: {endpoint: "{{health}}"}
  console: {endpoint: "{{console}}"}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [otlp_grpc/source, forward/detection]}
    metrics/detection: {exporters: [remediation, forward/scores, otlp_grpc/annotated]}
    metrics/scores: {exporters: [otlp_http/scores]}
    logs: {exporters: [otlp_grpc/source]}
    traces: {exporters: [otlp_grpc/source]}
`

// bench is a running distribution between a client and three backends.
type bench struct {
	*Process
	client                    *Client
	source, annotated, scores *Sink
	config, dir, health       string
}

func startRoundTrip(t *testing.T) *bench {
	t.Helper()
	b := &bench{source: NewSink(t), annotated: NewSink(t), scores: NewSink(t), dir: t.TempDir(), health: FreeAddress(t)}
	grpc, http := FreeAddress(t), FreeAddress(t)
	b.config = WriteFile(t, b.dir, "overlay.yaml", roundTripOverlay, map[string]string{
		"grpc": grpc, "http": http, "health": b.health, "console": FreeAddress(t),
		"source": b.source.GRPC, "annotated": b.annotated.GRPC, "scores": b.scores.HTTP,
	})
	b.client = NewClient(t, grpc, http)
	b.restart(t)
	return b
}

// restart starts a process with the same configuration and state.
func (b *bench) restart(t *testing.T) {
	t.Helper()
	b.Process = Start(t, Command{Path: Binary(t), Args: []string{"--config", shippedConfig(t), "--config", b.config}, Dir: b.dir})
	b.AwaitReady(t, b.health)
}

func (b *bench) awaitSource(t *testing.T, points int) {
	t.Helper()
	b.Await(t, "source data in the backend", func() bool { return b.source.Points() >= points })
}

func TestRoundTripKeepsSourceData(t *testing.T) {
	t.Parallel()
	b := startRoundTrip(t)
	sent := pmetric.NewMetrics()
	now := time.Now()
	for round := range 3 {
		for _, by := range Transports() {
			md := payload(now.Add(time.Duration(round)*time.Second), by)
			md.ResourceMetrics().At(0).Resource().Attributes().PutInt("round", int64(round%2)) // the third round repeats series
			require.NoError(t, b.client.Send(t.Context(), by, md))
			md.ResourceMetrics().MoveAndAppendTo(sent.ResourceMetrics())
		}
	}
	b.awaitSource(t, sent.DataPointCount())
	b.Await(t, "points in the annotated copy", func() bool {
		return withoutCompanions(b.annotated.Metrics()).DataPointCount() >= sent.DataPointCount()
	})
	require.Zero(t, b.Stop(t))

	RequireEqual(t, sent, b.source.Metrics())

	// The copy is the same but for anomaly.*: forged ones are gone wherever
	// they stood, true ones are added to points.
	annotated := withoutCompanions(b.annotated.Metrics())
	requireAnnotations(t, annotated)
	RequireEqual(t, occupied(stripped(sent)), occupied(stripped(annotated)))
}

// occupied removes scopes and resources without a metric: the filter before
// detection does so in the copy, where nobody misses them.
func occupied(md pmetric.Metrics) pmetric.Metrics {
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Metrics().Len() == 0 })
		return rm.ScopeMetrics().Len() == 0
	})
	return md
}

// stripped removes attributes with detection's prefix.
func stripped(md pmetric.Metrics) pmetric.Metrics {
	strip := func(a pcommon.Map) {
		a.RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "anomaly.") })
	}
	for _, rm := range md.ResourceMetrics().All() {
		strip(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			strip(sm.Scope().Attributes())
		}
	}
	PointAttributes(md, func(_ pmetric.Metric, a pcommon.Map) { strip(a) })
	return md
}

// requireAnnotations checks that the points that break a rule carry the
// processor's verdict, and that no forged one is left.
func requireAnnotations(t *testing.T, annotated pmetric.Metrics) {
	t.Helper()
	for _, rm := range annotated.ResourceMetrics().All() {
		_, forged := rm.Resource().Attributes().Get("anomaly.forged")
		require.False(t, forged)
	}
	faults := map[string]int{}
	PointAttributes(annotated, func(m pmetric.Metric, a pcommon.Map) {
		_, forged := a.Get("anomaly.anything")
		require.False(t, forged, "%s kept a forged attribute", m.Name())
		score, flagged := a.Get("anomaly.score")
		if !flagged {
			for key := range a.All() {
				require.False(t, strings.HasPrefix(key, "anomaly."), "%s carries %s but no score", m.Name(), key)
			}
			return
		}
		require.NotEqual(t, 99.0, score.Double(), "%s kept a forged score", m.Name())
		if fault, ok := a.Get("anomaly.fault"); ok {
			faults[m.Name()+" "+fault.Str()]++
		}
	})
	require.Len(t, faults, 2, "two rules name a fault: %v", faults)
	require.NotZero(t, faults["forged.gauge e2e_fault"], "%v", faults)
	require.NotZero(t, faults["queue.length e2e_queue"], "%v", faults)
}

func withoutCompanions(md pmetric.Metrics) pmetric.Metrics {
	return keepMetrics(md, func(name string) bool { return !strings.HasPrefix(name, "anomaly.") })
}

// keepMetrics drops the metrics whose name is not wanted, and the resources
// and scopes that become empty thereby.
func keepMetrics(md pmetric.Metrics, wanted func(name string) bool) pmetric.Metrics {
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		scopes := rm.ScopeMetrics().Len()
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			metrics := sm.Metrics().Len()
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return !wanted(m.Name()) })
			return metrics > 0 && sm.Metrics().Len() == 0
		})
		return scopes > 0 && rm.ScopeMetrics().Len() == 0
	})
	return md
}
