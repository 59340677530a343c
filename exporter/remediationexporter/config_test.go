// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/homeostat/homeostat/internal/readme"
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

func TestReadmeExamples(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	seen := 0
	for _, block := range readme.Blocks(string(text), "yaml") {
		doc, err := confmap.NewRetrievedFromYAML([]byte(block))
		require.NoError(t, err)
		conf, err := doc.AsConf()
		require.NoError(t, err)
		section, err := conf.Sub("exporters")
		require.NoError(t, err)
		for id := range section.ToStringMap() {
			entry, err := section.Sub(id)
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, entry.Unmarshal(cfg), id)
			require.NoError(t, confmap.Validate(cfg), id)
			seen++
		}
	}
	require.NotZero(t, seen, "the README shows no configuration")
}
