// SPDX-License-Identifier: Apache-2.0

package consoleextension

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
	require.Equal(t, "localhost:8687", cfg.HTTP.NetAddr.Endpoint)
	require.Equal(t, "tcp", string(cfg.HTTP.NetAddr.Transport))
	require.Equal(t, int64(65536), cfg.HTTP.MaxRequestBodySize)
	require.Equal(t, 10*time.Second, cfg.HTTP.ReadTimeout)
	require.Equal(t, "remediation_engine", cfg.Engine.String())
	require.False(t, cfg.HTTP.Auth.HasValue())
}

func TestBadValues(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values map[string]any
		want   string
	}{
		{"engine empty", map[string]any{"engine": ""}, "id must not be empty"},
		{"engine", map[string]any{"engine": "two words"}, "engine"},
		{"endpoint empty", map[string]any{"endpoint": ""}, "endpoint must not be empty: use an address such as localhost:8687"},
		{"endpoint without port", map[string]any{"endpoint": "localhost"}, `endpoint must be HOST:PORT, e.g. localhost:8687 (got "localhost")`},
		{"endpoint with empty port", map[string]any{"endpoint": "localhost:"}, `endpoint must be HOST:PORT, e.g. localhost:8687 (got "localhost:")`},
		{"endpoint of all addresses", map[string]any{"endpoint": "0.0.0.0:8687"}, `endpoint "0.0.0.0:8687" can be reached from other machines, and anyone who reaches it could approve actions: configure auth, or listen on localhost`},
		{"endpoint without host", map[string]any{"endpoint": ":8687"}, `endpoint ":8687" can be reached from other machines`},
		{"endpoint of a network", map[string]any{"endpoint": "192.0.2.1:8687"}, "configure auth"},
		{"endpoint of all IPv6", map[string]any{"endpoint": "[::]:8687"}, "configure auth"},
		{"endpoint of some name", map[string]any{"endpoint": "gateway.example:8687"}, "configure auth"},
		{"socket without path", map[string]any{"transport": "unix", "endpoint": "console.sock"}, `endpoint must be an absolute path with transport: unix (got "console.sock")`},
		{"transport", map[string]any{"transport": "udp"}, `transport must be tcp, tcp4, tcp6 or unix (got "udp")`},
		{"transport unknown", map[string]any{"transport": "pigeon"}, `unsupported transport type "pigeon"`},
		{"max_request_body_size small", map[string]any{"max_request_body_size": 100}, "max_request_body_size must be from 4096 to 1048576 bytes (got 100)"},
		{"max_request_body_size unset", map[string]any{"max_request_body_size": 0}, "max_request_body_size must be from 4096 to 1048576 bytes (got 0)"},
		{"max_request_body_size large", map[string]any{"max_request_body_size": 1 << 30}, "max_request_body_size must be from 4096 to 1048576 bytes (got 1073741824)"},
		{"cors", map[string]any{"cors": map[string]any{"allowed_origins": []any{"*"}}}, "cors must be left out: the console answers no page of another origin"},
		{"include_metadata", map[string]any{"include_metadata": true}, "include_metadata must be false or left out"},
		{"dialer", map[string]any{"dialer": map[string]any{"timeout": "1s"}}, "dialer must be left out: the console dials nobody"},
		{"auth", map[string]any{"auth": map[string]any{"authenticator": "two words"}}, "auth"},
		{"tls", map[string]any{"tls": map[string]any{"cert_file": 7, "nonsense": true}}, "tls"},
		{"read_timeout", map[string]any{"read_timeout": "soon"}, "read_timeout"},
		{"no_such_key", map[string]any{"no_such_key": true}, "no_such_key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(tt.values)
			require.ErrorContains(t, err, tt.want)
		})
	}
	require.ErrorContains(t, (&Config{}).Validate(), "engine must not be empty: name the id of the remediation engine extension")
}

func TestGoodValues(t *testing.T) {
	for _, values := range []map[string]any{
		{"endpoint": "127.0.0.1:0"},
		{"endpoint": "[::1]:8687"},
		{"endpoint": "LOCALHOST:8687"},
		{"endpoint": "127.0.0.1:8687", "transport": "tcp4"},
		{"endpoint": "/run/homeostat/console.sock", "transport": "unix"},
		{"endpoint": "0.0.0.0:8687", "auth": map[string]any{"authenticator": "bearertokenauth"}},
		{"endpoint": ":8687", "auth": map[string]any{"authenticator": "basicauth/operators"}, "tls": map[string]any{"cert_file": "a.pem", "key_file": "b.pem"}},
		{"engine": "remediation_engine/two", "max_request_body_size": 4096},
	} {
		_, err := load(values)
		require.NoError(t, err, "%v", values)
	}
}
