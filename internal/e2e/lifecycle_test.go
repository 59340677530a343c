// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.yaml.in/yaml/v3"
)

func shippedConfig(t *testing.T) string { return filepath.Join(Root(t), "config.yaml") }

func TestCommands(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, args ...string) string {
		t.Helper()
		out, code := Run(t, Command{Path: Binary(t), Args: args, Dir: t.TempDir()})
		require.Zero(t, code, out)
		return out
	}
	t.Run("validate", func(t *testing.T) {
		t.Parallel()
		run(t, "validate", "--config", shippedConfig(t))
	})
	t.Run("validate refuses", func(t *testing.T) {
		t.Parallel()
		out, code := Run(t, Command{Path: Binary(t), Args: []string{"validate", "--config", shippedConfig(t), "--config", "yaml:extensions::remediation_engine::mode: sometimes"}, Dir: t.TempDir()})
		require.NotZero(t, code)
		require.Contains(t, out, `mode must be observe, approve or auto (got "sometimes")`)
	})
	t.Run("components", func(t *testing.T) {
		t.Parallel()
		type entry struct{ Name, Module string }
		var listed struct {
			BuildInfo                                                struct{ Command, Version string } `yaml:"buildinfo"`
			Receivers, Processors, Exporters, Connectors, Extensions []entry
		}
		out := run(t, "components")
		require.NoError(t, yaml.Unmarshal([]byte(out), &listed), out)
		require.Equal(t, "otelcol-homeostat", listed.BuildInfo.Command)
		require.NotEmpty(t, listed.BuildInfo.Version)
		names := func(entries []entry) (names []string) {
			for _, e := range entries {
				if strings.HasPrefix(e.Module, "github.com/homeostat/homeostat ") {
					names = append(names, e.Name)
				}
			}
			return names
		}
		require.ElementsMatch(t, []string{"remediation_audit"}, names(listed.Receivers))
		require.ElementsMatch(t, []string{"anomaly", "host_identity"}, names(listed.Processors))
		require.ElementsMatch(t, []string{"remediation"}, names(listed.Exporters))
		require.ElementsMatch(t, []string{"remediation_engine", "systemd", "process", "filesystem", "console"}, names(listed.Extensions))
	})
	t.Run("print-config", func(t *testing.T) {
		t.Parallel()
		var printed struct {
			Processors map[string]map[string]any
			Extensions map[string]map[string]any
		}
		out := run(t, "print-config", "--config", shippedConfig(t), "--set", "processors.anomaly.max_series=777")
		require.NoError(t, yaml.Unmarshal([]byte(out), &printed), out)
		require.Equal(t, 777, printed.Processors["anomaly"]["max_series"])
		require.Equal(t, "observe", printed.Extensions["remediation_engine"]["mode"])
	})
}

// The shipped configuration must run for any user with nothing beside it, say
// what it watches and where its data goes, and end cleanly.
func TestShippedConfigurationRunsUnprivileged(t *testing.T) {
	t.Parallel()
	t.Run("to a file", func(t *testing.T) {
		t.Parallel()
		c := startShipped(t)
		telemetry := filepath.Join(c.dir, "data", "telemetry.jsonl")
		c.Await(t, "telemetry in "+telemetry, func() bool {
			text, err := os.ReadFile(telemetry)
			return err == nil && strings.Contains(string(text), `"system.cpu.utilization"`)
		})
		c.AwaitOutput(t, "telemetry.jsonl") // says where the data goes
		requireAnnounced(t, c.Process)
		require.Zero(t, c.Stop(t))
		requireHostNamed(t, readMetrics(t, telemetry))
	})
	t.Run("to OTLP", func(t *testing.T) {
		t.Parallel()
		sink := NewSink(t)
		c := startShipped(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+sink.GRPC)
		sink.Await(t, c.Process, "host metrics in the backend", func(s *Sink) bool { return metricNames(s.Metrics())["system.cpu.utilization"] > 0 })
		c.AwaitOutput(t, sink.GRPC) // says where the data goes
		requireAnnounced(t, c.Process)
		require.Zero(t, c.Stop(t))
		requireHostNamed(t, sink.Metrics())
		_, err := os.Stat(filepath.Join(c.dir, "data", "telemetry.jsonl"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// requireAnnounced waits until the process has told what it watches.
func requireAnnounced(t *testing.T, p *Process) {
	t.Helper()
	for _, word := range []string{"series", "rules", "plans", "mode", "observe"} {
		p.AwaitOutput(t, word)
	}
}

func requireHostNamed(t *testing.T, md pmetric.Metrics) {
	t.Helper()
	require.NotZero(t, md.ResourceMetrics().Len())
	hostname, err := os.Hostname()
	require.NoError(t, err)
	for _, rm := range md.ResourceMetrics().All() {
		name, ok := rm.Resource().Attributes().Get("host.name")
		require.True(t, ok, "%v", rm.Resource().Attributes().AsRaw())
		require.Equal(t, hostname, name.AsString())
	}
}

type shipped struct {
	*Process
	dir string
}

// startShipped starts the shipped configuration in an empty folder, as nobody
// when the test runs as root. Only its ports are moved, so that tests can run
// beside each other and beside an installed Collector.
func startShipped(t *testing.T, env ...string) *shipped {
	t.Helper()
	nobody := newNobody(t)
	c := &shipped{dir: nobody.dir}
	config := filepath.Join(c.dir, "config.yaml")
	copyFile(t, shippedConfig(t), config, 0o644)
	health := FreeAddress(t)
	c.Process = Start(t, Command{
		Path: nobody.binary(t), Dir: c.dir, User: nobody.credential,
		Env: append([]string{"PATH=/usr/bin:/bin"}, env...),
		Args: []string{
			"--config", config,
			"--set", "receivers.otlp.protocols.grpc.endpoint=" + FreeAddress(t),
			"--set", "receivers.otlp.protocols.http.endpoint=" + FreeAddress(t),
			"--set", "extensions.console.endpoint=" + FreeAddress(t),
			"--set", "extensions.health_check.endpoint=" + health,
			"--set", "service.telemetry.metrics.level=none",
		},
	})
	c.AwaitReady(t, health)
	return c
}

// readMetrics decodes the metrics of a file exporter's OTLP JSON lines.
func readMetrics(t *testing.T, path string) pmetric.Metrics {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	all := pmetric.NewMetrics()
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, `{"resourceMetrics"`) {
			continue // logs share the file
		}
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics([]byte(line))
		require.NoError(t, err)
		md.ResourceMetrics().MoveAndAppendTo(all.ResourceMetrics())
	}
	return all
}

// metricNames counts the metrics of each name.
func metricNames(md pmetric.Metrics) map[string]int {
	names := map[string]int{}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				names[m.Name()]++
			}
		}
	}
	return names
}
