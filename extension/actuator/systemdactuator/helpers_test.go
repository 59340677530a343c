// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/homeostat/homeostat/extension/actuator"
)

// started returns the actuator as the collector would run it.
func started(t testing.TB, host component.Host, change func(cfg *Config)) *systemdExtension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	change(cfg)
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	if host == nil {
		host = componenttest.NewNopHost()
	}
	require.NoError(t, ext.Start(t.Context(), host))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(t.Context())) })
	return ext.(*systemdExtension)
}

func unitTarget(name string) actuator.Target {
	return actuator.Target{Kind: actuator.KindUnit, Key: "host/" + name, Attr: map[string]string{actuator.AttrUnit: name}}
}

// planned asks for a plan and returns the request for it.
func planned(t testing.TB, e *systemdExtension, verb, unit string, params actuator.Params) (actuator.Request, actuator.Preview) {
	t.Helper()
	req := actuator.Request{Operation: "op-" + t.Name() + verb, Verb: verb, Target: unitTarget(unit), Params: params}
	preview, err := e.Plan(t.Context(), req)
	require.NoError(t, err)
	req.Identity = preview.Identity
	return req, preview
}

// newExtensionFor returns an extension that was not started.
func newExtensionFor(t testing.TB, address string) *systemdExtension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Address = address
	return newExtension(cfg, extensiontest.NewNopSettings(NewFactory().Type()))
}
