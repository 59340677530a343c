// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/homeostat/homeostat/processor/hostidentityprocessor/internal/metadata"
	"github.com/homeostat/homeostat/processor/hostidentityprocessor/internal/metadatatest"
)

// digitsID is an id that YAML would read as a number.
const digitsID = "00000000000000000000000000001234"

// fakeRoot is the root of a host named db1.
func fakeRoot(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	require.NoError(tb, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	require.NoError(tb, os.WriteFile(filepath.Join(root, "etc/hostname"), []byte("db1\n"), 0o600))
	require.NoError(tb, os.WriteFile(filepath.Join(root, "etc/machine-id"), []byte(digitsID+"\n"), 0o600))
	return root
}

// process sends resources with these attributes through a processor and
// returns what their attributes became.
func process(t *testing.T, set processor.Settings, cfg *Config, resources ...map[string]any) []map[string]any {
	t.Helper()
	sink := new(consumertest.MetricsSink)
	p, err := NewFactory().CreateMetrics(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	require.True(t, p.Capabilities().MutatesData)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	md := pmetric.NewMetrics()
	for _, attrs := range resources {
		require.NoError(t, md.ResourceMetrics().AppendEmpty().Resource().Attributes().FromRaw(attrs))
	}
	require.NoError(t, p.ConsumeMetrics(t.Context(), md))
	require.NoError(t, p.Shutdown(t.Context()))
	var out []map[string]any
	for _, rm := range sink.AllMetrics()[0].ResourceMetrics().All() {
		out = append(out, rm.Resource().Attributes().AsRaw())
	}
	return out
}

func nop() processor.Settings { return processortest.NewNopSettings(metadata.Type) }

func TestStampsOnlyResourcesThatNameNoHost(t *testing.T) {
	got := process(t, nop(), &Config{RootPath: fakeRoot(t)},
		map[string]any{},
		map[string]any{"service.name": "web"},
		map[string]any{"os.type": "windows"},
		map[string]any{"host.name": "other"},
		map[string]any{"host.id": "other"},
		map[string]any{"host.id": int64(7)},
		map[string]any{"host.name": ""},
	)
	require.Equal(t, []map[string]any{
		{"host.name": "db1", "host.id": digitsID, "os.type": "linux"},
		{"service.name": "web", "host.name": "db1", "host.id": digitsID, "os.type": "linux"},
		{"os.type": "windows", "host.name": "db1", "host.id": digitsID},
		{"host.name": "other"},
		{"host.id": "other"},
		{"host.id": int64(7)},
		{"host.name": ""},
	}, got)
}

func TestKnobs(t *testing.T) {
	other := map[string]any{"host.name": "other", "os.type": "windows"}
	base := Config{RootPath: fakeRoot(t)}
	bare := process(t, nop(), &base, map[string]any{})
	foreign := process(t, nop(), &base, other)
	for _, knob := range []struct {
		key  string
		turn func(*Config)
		in   map[string]any
		base []map[string]any
		want []map[string]any
	}{
		{
			"override", func(c *Config) { c.Override = true }, other, foreign,
			[]map[string]any{{"host.name": "db1", "host.id": digitsID, "os.type": "linux"}},
		},
		{
			"root_path", func(c *Config) {
				c.RootPath = fakeRoot(t)
				require.NoError(t, os.WriteFile(filepath.Join(c.RootPath, "etc/hostname"), []byte("db2"), 0o600))
			},
			map[string]any{},
			bare,
			[]map[string]any{{"host.name": "db2", "host.id": digitsID, "os.type": "linux"}},
		},
	} {
		t.Run(knob.key, func(t *testing.T) {
			cfg := base
			knob.turn(&cfg)
			got := process(t, nop(), &cfg, knob.in)
			require.Equal(t, knob.want, got)
			require.NotEqual(t, knob.base, got, "%s has no effect", knob.key)
		})
	}
}

func TestLogsAndTraces(t *testing.T) {
	cfg := &Config{RootPath: fakeRoot(t)}
	want := map[string]any{"host.name": "db1", "host.id": digitsID, "os.type": "linux"}
	other := map[string]any{"host.name": "other"}

	logSink := new(consumertest.LogsSink)
	logs, err := NewFactory().CreateLogs(t.Context(), nop(), cfg, logSink)
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty()
	ld.ResourceLogs().AppendEmpty().Resource().Attributes().PutStr("host.name", "other")
	require.NoError(t, logs.ConsumeLogs(t.Context(), ld))
	require.NoError(t, logs.Shutdown(t.Context()))
	require.Equal(t, want, logSink.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes().AsRaw())
	require.Equal(t, other, logSink.AllLogs()[0].ResourceLogs().At(1).Resource().Attributes().AsRaw())

	traceSink := new(consumertest.TracesSink)
	traces, err := NewFactory().CreateTraces(t.Context(), nop(), cfg, traceSink)
	require.NoError(t, err)
	require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty()
	td.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("host.name", "other")
	require.NoError(t, traces.ConsumeTraces(t.Context(), td))
	require.NoError(t, traces.Shutdown(t.Context()))
	require.Equal(t, want, traceSink.AllTraces()[0].ResourceSpans().At(0).Resource().Attributes().AsRaw())
	require.Equal(t, other, traceSink.AllTraces()[0].ResourceSpans().At(1).Resource().Attributes().AsRaw())
}

// A container without any id still gets a name, and three pipelines of one
// processor complain once.
func TestIncompleteIdentityIsSaidOnce(t *testing.T) {
	core, observed := observer.New(zap.WarnLevel)
	set := nop()
	set.Logger = zap.New(core)
	cfg := &Config{RootPath: t.TempDir()}
	factory := NewFactory()
	sink := new(consumertest.MetricsSink)
	for range 3 {
		p, err := factory.CreateMetrics(t.Context(), set, cfg, sink)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		md := pmetric.NewMetrics()
		md.ResourceMetrics().AppendEmpty()
		require.NoError(t, p.ConsumeMetrics(t.Context(), md))
		require.NoError(t, p.Shutdown(t.Context()))
	}
	own, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"host.name": own, "os.type": "linux"},
		sink.AllMetrics()[2].ResourceMetrics().At(0).Resource().Attributes().AsRaw())
	require.Equal(t, 1, observed.Len())
	require.Contains(t, observed.All()[0].ContextMap()["error"], "host.id is not set")
}

func TestNothingKnownStampsNothing(t *testing.T) {
	md := pmetric.NewMetrics()
	resource := md.ResourceMetrics().AppendEmpty().Resource()
	resource.Attributes().PutStr("host.name", "other")
	p := &identityProcessor{cfg: &Config{Override: true}}
	require.Zero(t, p.stamp(resource))
	require.Equal(t, map[string]any{"host.name": "other"}, resource.Attributes().AsRaw())
}

func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
	process(t, metadatatest.NewSettings(tel), &Config{RootPath: fakeRoot(t)},
		map[string]any{}, map[string]any{}, map[string]any{"host.id": "other"})
	metadatatest.AssertEqualProcessorHostIdentityResources(t, tel, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("outcome", "stamped"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("outcome", "kept"))},
	}, metricdatatest.IgnoreTimestamp())
}
