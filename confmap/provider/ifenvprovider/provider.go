// SPDX-License-Identifier: Apache-2.0

// Package ifenvprovider chooses between two configuration values by whether
// an environment variable is set:
//
//	exporters: ["${ifenv:OTEL_EXPORTER_OTLP_ENDPOINT?otlp_grpc|file/backend}"]
//
// The env provider can only default a variable's own value; this one lets the
// presence of a standard variable select a component, so that one shipped
// configuration serves hosts with and without a backend.
package ifenvprovider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

const schemeName = "ifenv"

// errForm is the remedy in every error about a malformed URI.
var errForm = errors.New("write ${ifenv:NAME?value-when-set|value-when-not}")

// variableName is what POSIX allows.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// NewFactory returns the factory of the ifenv provider.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return provider{} })
}

type provider struct{}

// Retrieve answers with the first value if the variable is set and not empty,
// else with the second. Both are read as YAML scalars.
func (provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	opaque, ok := strings.CutPrefix(uri, schemeName+":")
	if !ok {
		return nil, fmt.Errorf("%q is not an %s uri: %w", uri, schemeName, errForm)
	}
	choice, err := parse(opaque)
	if err != nil {
		return nil, err
	}
	return confmap.NewRetrievedFromYAML([]byte(choice.pick(os.Getenv(choice.variable))))
}

// Scheme is "ifenv".
func (provider) Scheme() string { return schemeName }

// Shutdown has nothing to release.
func (provider) Shutdown(context.Context) error { return nil }

type choice struct{ variable, set, unset string }

func parse(opaque string) (choice, error) {
	name, values, ok := strings.Cut(opaque, "?")
	if !ok {
		return choice{}, fmt.Errorf("%q has no %q: %w", opaque, "?", errForm)
	}
	if !variableName.MatchString(name) {
		return choice{}, fmt.Errorf("%q is not the name of an environment variable: %w", name, errForm)
	}
	set, unset, ok := strings.Cut(values, "|")
	if !ok {
		return choice{}, fmt.Errorf("%q has no %q: %w", values, "|", errForm)
	}
	return choice{variable: name, set: set, unset: unset}, nil
}

func (c choice) pick(value string) string {
	if value == "" {
		return c.unset
	}
	return c.set
}
