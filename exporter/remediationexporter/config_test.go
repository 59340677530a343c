// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// load reads a configuration as the Collector does.
func load(values map[string]any) (*Config, error) {
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(values).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestDefaults(t *testing.T) {
	cfg, err := load(nil)
	require.NoError(t, err)
	require.Equal(t, "remediation_engine", cfg.Engine.String())
	require.Equal(t, []float64{0.5, 0.95, 0.99}, cfg.Quantiles)
}

// seventeen quantiles are one too many.
func seventeen() (list []any) {
	for i := range 17 {
		list = append(list, float64(i+1)/100)
	}
	return list
}

func TestBadValues(t *testing.T) {
	for _, tt := range []struct {
		key   string
		value any
		want  string
	}{
		{"engine", "", "id must not be empty"},
		{"engine", "two words", "engine"},
		{"quantiles", []any{0.5, 1.0}, "quantiles must lie between 0 and 1, for example 0.99 (got 1)"},
		{"quantiles", []any{0.0}, "quantiles must lie between 0 and 1, for example 0.99 (got 0)"},
		{"quantiles", []any{0.5, 0.9, 0.5}, "quantiles must differ (got 0.5 twice)"},
		{"quantiles", seventeen(), "quantiles must be at most 16 (got 17): list those of the anomaly processor"},
		{"quantiles", "many", "quantiles"},
		{"sending_queue", map[string]any{"enabled": true}, "sending_queue"},
		{"retry_on_failure", map[string]any{"enabled": true}, "retry_on_failure"},
		{"timeout", "5s", "timeout"},
	} {
		t.Run(tt.key, func(t *testing.T) {
			cfg, err := load(map[string]any{tt.key: tt.value})
			require.ErrorContains(t, err, tt.want, "%v", cfg)
		})
	}
}

func TestConfigMadeInCode(t *testing.T) {
	require.EqualError(t, (&Config{}).Validate(), `engine must not be empty: name the id of the remediation engine extension, e.g. "remediation_engine"`)
}
