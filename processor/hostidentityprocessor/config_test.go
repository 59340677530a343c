// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

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
