// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const somePipelines = `
exporters:
  otlp_http: {endpoint: "https://user:s3cret@backend.example/otlp"}
  otlp_grpc/two: {endpoint: "backend.example:4317"}
  file: {path: /var/lib/telemetry.jsonl}
  debug:
  unused: {endpoint: nowhere.example}
connectors:
  forward/detect:
service:
  pipelines:
    traces: {exporters: [otlp_http]}
    metrics: {exporters: [otlp_http, forward/detect, debug]}
    metrics/detect: {exporters: [file, otlp_http]}
    logs: {exporters: [otlp_grpc/two]}
`

func conf(t *testing.T, text string) *confmap.Conf {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	c, err := retrieved.AsConf()
	require.NoError(t, err)
	return c
}

func TestDestinations(t *testing.T) {
	require.Equal(t, []string{
		"debug (metrics)",
		"file /var/lib/telemetry.jsonl (metrics)",
		"otlp_grpc/two backend.example:4317 (logs)",
		"otlp_http https://user:xxxxx@backend.example/otlp (metrics, traces)",
	}, destinations(conf(t, somePipelines)))
	require.Empty(t, destinations(conf(t, "service: {pipelines: }")))
	require.Empty(t, destinations(confmap.New()))
}

// snapshot is a configuration of which only the effective form is read.
type snapshot struct {
	extensioncapabilities.ConfigSnapshot
	effective *confmap.Conf
}

func (s snapshot) Effective() *confmap.Conf { return s.effective }

func TestDestinationsAreLogged(t *testing.T) {
	core, observed := observer.New(zap.InfoLevel)
	set := nop()
	set.Logger = zap.New(core)
	c, err := newConsole(set, createDefaultConfig().(*Config))
	require.NoError(t, err)
	require.NoError(t, c.NotifyConfigSnapshot(t.Context(), snapshot{effective: conf(t, somePipelines)}))
	require.NoError(t, c.Shutdown(t.Context()))
	entries := observed.FilterMessage("Telemetry goes to").All()
	require.Len(t, entries, 1)
	require.Len(t, entries[0].ContextMap()["destinations"], 4)
}
