// SPDX-License-Identifier: Apache-2.0

package ifenvprovider

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestRetrieve(t *testing.T) {
	t.Setenv("HOMEOSTAT_SET", "http://localhost:4317")
	t.Setenv("HOMEOSTAT_EMPTY", "")
	for _, tt := range []struct {
		name, uri string
		want      any
	}{
		{"set", "ifenv:HOMEOSTAT_SET?otlp_grpc|file/backend", "otlp_grpc"},
		{"not set", "ifenv:HOMEOSTAT_NOT_SET?otlp_grpc|file/backend", "file/backend"},
		{"empty counts as not set", "ifenv:HOMEOSTAT_EMPTY?otlp_grpc|file/backend", "file/backend"},
		{"the second value may hold bars", "ifenv:HOMEOSTAT_NOT_SET?a|b|c", "b|c"},
		{"a value may be an address", "ifenv:HOMEOSTAT_SET?http://localhost:4317|", "http://localhost:4317"},
		{"values are YAML scalars", "ifenv:HOMEOSTAT_SET?true|false", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newForTest(t).Retrieve(t.Context(), tt.uri, nil)
			require.NoError(t, err)
			raw, err := got.AsRaw()
			require.NoError(t, err)
			require.Equal(t, tt.want, raw)
		})
	}
}

func TestRetrieveRefuses(t *testing.T) {
	for uri, want := range map[string]string{
		"env:NAME":         `"env:NAME" is not an ifenv uri`,
		"ifenv:NAME":       `"NAME" has no "?"`,
		"ifenv:NAME?one":   `"one" has no "|"`,
		"ifenv:?a|b":       `"" is not the name of an environment variable`,
		"ifenv:9LIVES?a|b": `"9LIVES" is not the name of an environment variable`,
		"ifenv:A-B?a|b":    `"A-B" is not the name of an environment variable`,
	} {
		_, err := newForTest(t).Retrieve(t.Context(), uri, nil)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "${ifenv:NAME?value-when-set|value-when-not}", "the remedy is part of every error")
	}
}

func TestProvider(t *testing.T) {
	provider := newForTest(t)
	require.NoError(t, confmaptest.ValidateProviderScheme(provider))
	require.NoError(t, provider.Shutdown(t.Context()))
}

func newForTest(t *testing.T) confmap.Provider {
	t.Helper()
	return NewFactory().Create(confmaptest.NewNopProviderSettings())
}

func FuzzParse(f *testing.F) {
	f.Add("NAME?set|unset")
	f.Add("NAME?|")
	f.Add("?|")
	f.Fuzz(func(t *testing.T, opaque string) {
		got, err := parse(opaque)
		if err != nil {
			return
		}
		require.Equal(t, opaque, got.variable+"?"+got.set+"|"+got.unset)
		require.False(t, strings.ContainsAny(got.variable, "?|"))
	})
}
