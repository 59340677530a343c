// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestDefaultConfigIsValid(t *testing.T) {
	require.NoError(t, createDefaultConfig().(*Config).Validate())
}

// Every YAML block of the README is a configuration that works.
func TestReadmeValidates(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		name := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(name, []byte(block), 0o600))
		conf, err := confmaptest.LoadConf(name)
		require.NoError(t, err)
		sub, err := conf.Sub("extensions::process")
		require.NoError(t, err)
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(cfg))
		require.NoError(t, cfg.Validate())
		require.NotEmpty(t, cfg.Services, "the example shows a service")
	}
}

func TestUnknownKeyIsRefused(t *testing.T) {
	err := confmap.NewFromStringMap(map[string]any{"protect": []any{"x"}}).Unmarshal(createDefaultConfig())
	require.ErrorContains(t, err, "protect")
}

func TestValidate(t *testing.T) {
	service := func(change func(s *ServiceConfig)) func(*Config) {
		return func(cfg *Config) {
			s := ServiceConfig{Command: []string{"/usr/bin/app", "--port=80"}}
			change(&s)
			cfg.Services = map[string]ServiceConfig{"app": s}
		}
	}
	tests := []struct {
		name   string
		change func(cfg *Config)
		want   string
	}{
		{"protected empty", func(c *Config) { c.Protected = []string{"ok", ""} }, `protected[1] must be the name of an executable or a glob such as "postgres*" (got "")`},
		{"protected glob", func(c *Config) { c.Protected = []string{"[a-"} }, `protected[0] must be the name of an executable or a glob such as "postgres*" (got "[a-")`},
		{"sample_window short", func(c *Config) { c.SampleWindow = time.Millisecond }, "sample_window must be 50ms to 5s (got 1ms)"},
		{"sample_window long", func(c *Config) { c.SampleWindow = time.Minute }, "sample_window must be 50ms to 5s (got 1m0s)"},
		{"state_directory", func(c *Config) { c.StateDirectory = "" }, `state_directory must name a directory that the collector may write to (got "")`},
		{"name", func(c *Config) {
			c.Services = map[string]ServiceConfig{"../x": {Command: []string{"/bin/true"}}}
		}, `services::../x: the name must be 1 to 64 letters, digits, dots, dashes or underscores (got "../x")`},
		{"command missing", service(func(s *ServiceConfig) { s.Command = nil }), "services::app::command must list an absolute path and its arguments (got none)"},
		{"command relative", service(func(s *ServiceConfig) { s.Command = []string{"app"} }), `services::app::command must begin with an absolute path (got "app")`},
		{"command NUL", service(func(s *ServiceConfig) { s.Command = []string{"/bin/app", "a\x00"} }), `services::app::command[1] must not contain a NUL byte (got "a\x00")`},
		{"directory", service(func(s *ServiceConfig) { s.Directory = "x" }), `services::app::directory must be an absolute path (got "x")`},
		{"pid_file", service(func(s *ServiceConfig) { s.PIDFile = "x" }), `services::app::pid_file must be an absolute path (got "x")`},
		{"output", service(func(s *ServiceConfig) { s.Output = "x" }), `services::app::output must be an absolute path (got "x")`},
		{"environment name", service(func(s *ServiceConfig) { s.Environment = map[string]string{"A=B": "x"} }), `services::app::environment::A=B must be a name of letters, digits and underscores with a value free of NUL bytes (got "x")`},
		{"environment value", service(func(s *ServiceConfig) { s.Environment = map[string]string{"A": "\x00"} }), "services::app::environment::A must be a name"},
		{"environment mark", service(func(s *ServiceConfig) { s.Environment = map[string]string{"HOMEOSTAT_X": "1"} }), "services::app::environment::HOMEOSTAT_X: names that begin with HOMEOSTAT_ are set by the actuator, choose another"},
		{"user", service(func(s *ServiceConfig) { s.User = "a\x00b" }), `services::app::user must be the name of a user (got "a\x00b")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			tt.change(cfg)
			require.ErrorContains(t, cfg.Validate(), tt.want)
		})
	}
	require.NoError(t, func() error {
		cfg := createDefaultConfig().(*Config)
		service(func(*ServiceConfig) {})(cfg)
		return cfg.Validate()
	}())
}
