// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

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
	require.Equal(t, &Config{RootPath: "", Override: false}, cfg)
}

func TestBadValues(t *testing.T) {
	for _, tt := range []struct {
		key   string
		value any
		want  string
	}{
		{"root_path", "hostfs", `root_path must be an absolute path (got "hostfs")`},
		{"root_path", []any{"a", "b"}, "root_path"},
		{"override", "perhaps", "override"},
		{"no_such_key", true, "no_such_key"},
	} {
		t.Run(tt.key, func(t *testing.T) {
			_, err := load(map[string]any{tt.key: tt.value})
			require.ErrorContains(t, err, tt.want)
		})
	}
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
		section, err := conf.Sub("processors")
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
