// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/homeostat/homeostat/exporter/remediationexporter/internal/metadata"
	"github.com/homeostat/homeostat/exporter/remediationexporter/internal/metadatatest"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// fakeEngine is an extension that takes up to room findings.
type fakeEngine struct {
	component.StartFunc
	component.ShutdownFunc

	watchAll bool

	mu     sync.Mutex // guards everything below
	room   int
	offers int
	taken  []finding.Finding
}

func (e *fakeEngine) Offer(findings []finding.Finding) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.offers++
	n := min(len(findings), e.room)
	e.room -= n
	e.taken = append(e.taken, findings[:n]...)
	return n
}

func (e *fakeEngine) Watches(series.Key) bool { return e.watchAll }
func (e *fakeEngine) WatchesAny() bool        { return e.watchAll }

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// started returns an exporter that offers to engine.
func started(tb testing.TB, set exporter.Settings, engine component.Component) exporter.Metrics {
	tb.Helper()
	exp, err := NewFactory().CreateMetrics(tb.Context(), set, createDefaultConfig())
	require.NoError(tb, err)
	require.NoError(tb, exp.Start(tb.Context(), host{defaultEngine: engine}))
	tb.Cleanup(func() { require.NoError(tb, exp.Shutdown(context.WithoutCancel(tb.Context()))) })
	return exp
}

func nop() exporter.Settings { return exportertest.NewNopSettings(metadata.Type) }

// batch has points of one gauge, the first of them flagged.
func batch(points, flagged int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("host.name", "db1")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("system.filesystem.utilization")
	m.SetUnit("1")
	gauge := m.SetEmptyGauge()
	for i := range points {
		dp := gauge.DataPoints().AppendEmpty()
		dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		dp.SetDoubleValue(0.97)
		dp.Attributes().PutInt("disk", int64(i))
		dp.Attributes().PutStr("mountpoint", "/var")
		if i < flagged {
			dp.Attributes().PutStr(finding.AttrID, "episode-1")
			dp.Attributes().PutStr(finding.AttrState, string(finding.Firing))
			dp.Attributes().PutStr(finding.AttrKind, string(finding.Threshold))
			dp.Attributes().PutStr(finding.AttrSeverity, string(finding.Critical))
			dp.Attributes().PutStr(finding.AttrFault, "disk_full")
			dp.Attributes().PutDouble(finding.AttrScore, 1.5)
		}
	}
	return md
}

func TestStartNamesIDAndKey(t *testing.T) {
	for name, tt := range map[string]struct {
		engine string
		host   host
		want   string
	}{
		"missing": {"remediation_engine/two", host{}, `engine: no extension "remediation_engine/two" is running; add it to extensions and service::extensions`},
		"wrong":   {"zpages", host{component.MustNewID("zpages"): bystander{}}, `engine: extension "zpages" takes no findings; name the id of a remediation engine`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(map[string]any{"engine": tt.engine})
			require.NoError(t, err)
			exp, err := NewFactory().CreateMetrics(t.Context(), nop(), cfg)
			require.NoError(t, err)
			require.ErrorContains(t, exp.Start(t.Context(), tt.host), tt.want)
			require.NoError(t, exp.Shutdown(t.Context()))
		})
	}
}

// bystander is an extension that is no engine.
type bystander struct {
	component.StartFunc
	component.ShutdownFunc
}

// The key engine has an effect: findings go to the engine that it names.
func TestEngineChoosesTheSink(t *testing.T) {
	one, two := &fakeEngine{room: 10}, &fakeEngine{room: 10}
	engines := host{defaultEngine: one, component.MustNewIDWithName("remediation_engine", "two"): two}
	cfg, err := load(map[string]any{"engine": "remediation_engine/two"})
	require.NoError(t, err)
	exp, err := NewFactory().CreateMetrics(t.Context(), nop(), cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), engines))
	require.NoError(t, exp.ConsumeMetrics(t.Context(), batch(1, 1)))
	require.NoError(t, exp.Shutdown(t.Context()))
	require.Zero(t, one.offers)
	require.Len(t, two.taken, 1)
}

func TestFlaggedPointsBecomeFindings(t *testing.T) {
	engine := &fakeEngine{room: 10}
	exp := started(t, nop(), engine)
	md := batch(5, 1)
	md.MarkReadOnly() // writing to it would panic
	require.False(t, exp.Capabilities().MutatesData)
	before := time.Now()
	require.NoError(t, exp.ConsumeMetrics(t.Context(), md))

	require.Len(t, engine.taken, 1)
	got := engine.taken[0]
	require.Equal(t, "episode-1", got.ID)
	require.Equal(t, finding.Firing, got.State)
	require.Equal(t, finding.Critical, got.Severity)
	require.Equal(t, "disk_full", got.Fault)
	require.Equal(t, "system.filesystem.utilization", got.Metric)
	require.Equal(t, map[string]string{"host.name": "db1"}, got.Resource)
	require.False(t, got.Received.Before(before), "received now")
}

// The batch belongs to the pipeline again when ConsumeMetrics returns.
func TestFindingsShareNoMemoryWithTheBatch(t *testing.T) {
	engine := &fakeEngine{room: 10}
	exp := started(t, nop(), engine)
	md := batch(1, 1)
	require.NoError(t, exp.ConsumeMetrics(t.Context(), md))
	rm := md.ResourceMetrics().At(0)
	rm.Resource().Attributes().PutStr("host.name", "overwritten")
	m := rm.ScopeMetrics().At(0).Metrics().At(0)
	m.SetName("overwritten")
	m.Gauge().DataPoints().At(0).Attributes().Clear()
	require.Equal(t, "db1", engine.taken[0].Resource["host.name"])
	require.Equal(t, "system.filesystem.utilization", engine.taken[0].Metric)
	require.Equal(t, "/var", engine.taken[0].Attributes["mountpoint"])
}

// The key quantiles has an effect: they are the series of a histogram whose
// ordinary points the engine may wait for.
func TestQuantilesChooseTheSeriesOfAHistogram(t *testing.T) {
	fields := func(values map[string]any) []string {
		cfg, err := load(values)
		require.NoError(t, err)
		engine := &fakeEngine{room: 100, watchAll: true}
		exp, err := NewFactory().CreateMetrics(t.Context(), nop(), cfg)
		require.NoError(t, err)
		require.NoError(t, exp.Start(t.Context(), host{defaultEngine: engine}))
		md := pmetric.NewMetrics()
		m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("http.server.request.duration")
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		dp := m.Histogram().DataPoints().AppendEmpty()
		dp.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
		dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		dp.ExplicitBounds().FromRaw([]float64{1, 10})
		dp.BucketCounts().FromRaw([]uint64{5, 4, 1})
		dp.SetCount(10)
		dp.SetSum(42)
		require.NoError(t, exp.ConsumeMetrics(t.Context(), md))
		require.NoError(t, exp.Shutdown(t.Context()))
		var names []string
		for _, f := range engine.taken {
			if strings.HasPrefix(f.Field, "p") {
				names = append(names, f.Field)
			}
		}
		return names
	}
	require.ElementsMatch(t, []string{"p50", "p95", "p99"}, fields(nil))
	require.ElementsMatch(t, []string{"p90"}, fields(map[string]any{"quantiles": []any{0.9}}))
}

func TestOrdinaryPoints(t *testing.T) {
	idle := &fakeEngine{room: 10}
	require.NoError(t, started(t, nop(), idle).ConsumeMetrics(t.Context(), batch(5, 0)))
	require.Zero(t, idle.offers, "nothing to offer, nobody disturbed")

	watching := &fakeEngine{room: 10, watchAll: true}
	require.NoError(t, started(t, nop(), watching).ConsumeMetrics(t.Context(), batch(5, 0)))
	require.Len(t, watching.taken, 5)
	require.Equal(t, finding.Normal, watching.taken[0].State)
}

// A full engine loses findings; the pipeline must not notice, because
// whatever it sent again would be stale evidence.
func TestRefusedFindingsAreCountedNotReturned(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
	core, observed := observer.New(zap.InfoLevel)
	set := metadatatest.NewSettings(tel)
	set.Logger = zap.New(core)
	engine := &fakeEngine{room: 3}
	exp := started(t, set, engine)

	require.NoError(t, exp.ConsumeMetrics(t.Context(), batch(5, 5)))
	require.NoError(t, exp.ConsumeMetrics(t.Context(), batch(5, 5)))
	require.Equal(t, 2, engine.offers, "never offered twice")
	require.Equal(t, 1, observed.Len(), "said once")

	engine.room = 5
	require.NoError(t, exp.ConsumeMetrics(t.Context(), batch(5, 5)))
	require.Equal(t, 2, observed.Len(), "and once more when it is over")

	metadatatest.AssertEqualExporterRemediationFindingsTaken(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 8}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExporterRemediationFindingsRefused(t, tel,
		[]metricdata.DataPoint[int64]{{Value: 7}}, metricdatatest.IgnoreTimestamp())
}

func TestManyPipelinesAtOnce(t *testing.T) {
	engine := &fakeEngine{room: 40}
	exp := started(t, nop(), engine)
	var pipelines sync.WaitGroup
	for range 8 {
		pipelines.Go(func() {
			for range 10 {
				_ = exp.ConsumeMetrics(t.Context(), batch(3, 1))
			}
		})
	}
	pipelines.Wait()
	require.Len(t, engine.taken, 40)
	require.Equal(t, 80, engine.offers)
}
