// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/homeostat/homeostat/extension/consoleextension/internal/metadata"
)

func TestDestinationsAreTold(t *testing.T) {
	conf := confmap.NewFromStringMap(map[string]any{
		"connectors": map[string]any{"forward": nil},
		"exporters": map[string]any{
			"otlp_grpc":    map[string]any{"endpoint": "https://someone:secret@otlp.example.com:4317"},
			"file/backend": map[string]any{"path": "./data/telemetry.jsonl"},
			"debug":        nil,
			"nop":          nil,
		},
		"service": map[string]any{"pipelines": map[string]any{
			"metrics":   map[string]any{"exporters": []any{"otlp_grpc", "forward"}},
			"metrics/b": map[string]any{"exporters": []any{"otlp_grpc", "file/backend"}},
			"logs":      map[string]any{"exporters": []any{"debug", "file/backend"}},
		}},
	})
	core, logs := observer.New(zap.InfoLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	c, err := newConsole(set, createDefaultConfig().(*Config))
	require.NoError(t, err)
	require.NoError(t, c.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(conf, nil)))
	require.Equal(t, []any{
		"debug (logs)",
		"file/backend ./data/telemetry.jsonl (logs, metrics)",
		"otlp_grpc https://someone:xxxxx@otlp.example.com:4317 (metrics)",
	}, logs.All()[0].ContextMap()["destinations"])
}

func TestDestinationsOfAnEmptyConfiguration(t *testing.T) {
	require.Empty(t, destinations(confmap.New()))
	require.Empty(t, destinations(confmap.NewFromStringMap(map[string]any{"service": map[string]any{"pipelines": map[string]any{"metrics": nil}}})))
}
