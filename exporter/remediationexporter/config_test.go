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
}

func TestBadValues(t *testing.T) {
	for _, tt := range []struct {
		key   string
		value any
		want  string
	}{
		{"engine", "", "id must not be empty"},
		{"engine", "two words", "engine"},
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
