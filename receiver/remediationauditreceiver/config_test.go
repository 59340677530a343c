// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"testing"
	"time"

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
	require.Equal(t, &Config{
		Engine:    defaultEngine,
		BatchSize: 100,
		Retry:     RetryConfig{InitialInterval: time.Second, MaxInterval: 30 * time.Second},
	}, cfg)
}

func TestBadValues(t *testing.T) {
	for _, tt := range []struct {
		key   string
		value any
		want  string
	}{
		{"engine", "", "id must not be empty"},
		{"engine", "two words", "engine"},
		{"batch_size", 0, "batch_size must be from 1 to 10000 (got 0)"},
		{"batch_size", 10_001, "batch_size must be from 1 to 10000 (got 10001)"},
		{"batch_size", "many", "batch_size"},
		{"retry::initial_interval", "0s", "retry::initial_interval must be more than 0s (got 0s)"},
		{"retry::initial_interval", "-1s", "retry::initial_interval must be more than 0s (got -1s)"},
		{"retry::max_interval", "10ms", "retry::max_interval must not be below retry::initial_interval, which is 1s (got 10ms)"},
		{"retry::multiplier", 3, "multiplier"},
		{"root_path", "hostfs", `root_path must be an absolute path (got "hostfs")`},
		{"no_such_key", true, "no_such_key"},
	} {
		t.Run(tt.key, func(t *testing.T) {
			_, err := load(map[string]any{tt.key: tt.value})
			require.ErrorContains(t, err, tt.want)
		})
	}
	require.ErrorContains(t, (&Config{}).Validate(), "engine must not be empty")
}
