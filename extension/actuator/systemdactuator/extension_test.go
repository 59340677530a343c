// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/actuatortest/systemdtest"
)

// reporter is a host that keeps the statuses reported to it.
type reporter struct {
	component.Host
	events []*componentstatus.Event
}

func (r *reporter) Report(event *componentstatus.Event) { r.events = append(r.events, event) }

func newReporter() *reporter { return &reporter{Host: componenttest.NewNopHost()} }

func TestWithoutSystemd(t *testing.T) {
	host := newReporter()
	e := started(t, host, func(cfg *Config) {
		cfg.Address, cfg.Units = "unix:path="+filepath.Join(t.TempDir(), "private"), []string{"*"}
	})
	require.Len(t, host.events, 1)
	require.Equal(t, componentstatus.StatusRecoverableError, host.events[0].Status())
	require.ErrorContains(t, host.events[0].Err(), "systemd cannot be reached")
	for _, spec := range e.Specs() {
		req := actuator.Request{Operation: "op", Verb: spec.Verb, Target: unitTarget("app.service"), Identity: actuator.Identity{"a": "b"}}
		_, err := e.Plan(t.Context(), req)
		require.ErrorIs(t, err, actuator.ErrBlocked, spec.Verb)
		result, err := e.Execute(t.Context(), req)
		require.ErrorIs(t, err, actuator.ErrBlocked, spec.Verb)
		require.Equal(t, actuator.Refused, result.Outcome)
		outcome, _ := e.Probe(t.Context(), req)
		require.Equal(t, actuator.Unknown, outcome)
	}
	require.Len(t, host.events, 1, "the same again is not reported")
}

// A socket on which nobody answers must not hold a call beyond its context.
func TestSilentSocket(t *testing.T) {
	name := filepath.Join(t.TempDir(), "private")
	listener, err := net.Listen("unix", name)
	require.NoError(t, err)
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	e := newExtensionFor(t, "unix:path="+name)
	began := time.Now()
	_, err = e.Plan(ctx, actuator.Request{Verb: verbExplain, Target: unitTarget("app.service")})
	require.Error(t, err)
	require.Less(t, time.Since(began), 5*time.Second)
}

// It goes away and comes back: each is told once.
func TestStatusFollowsReachability(t *testing.T) {
	s := systemdtest.Boot(t)
	link := filepath.Join(t.TempDir(), "private")
	host := newReporter()
	e := started(t, host, func(cfg *Config) { cfg.Address = "unix:path=" + link })
	explain := func() error {
		_, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: unitTarget("homeostat-test.target")})
		return err
	}
	require.Error(t, explain())
	require.NoError(t, os.Symlink(strings.TrimPrefix(s.Address(), "unix:path="), link))
	require.NoError(t, explain())
	require.NoError(t, explain())
	require.NoError(t, os.Remove(link))
	require.Error(t, explain())
	var got []componentstatus.Status
	for _, event := range host.events {
		got = append(got, event.Status())
	}
	require.Equal(t, []componentstatus.Status{
		componentstatus.StatusRecoverableError, componentstatus.StatusOK, componentstatus.StatusRecoverableError,
	}, got)
}

// The knob scope decides whom the extension talks to when there is no address.
func TestScope(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "session"))
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "system"))
	said := map[Scope]string{}
	for _, scope := range []Scope{ScopeSystem, ScopeUser} {
		e := started(t, nil, func(cfg *Config) { cfg.Scope = scope })
		_, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: unitTarget("app.service")})
		require.Error(t, err, "there is no such unit, or nobody to ask")
		said[scope] = err.Error()
	}
	require.Contains(t, said[ScopeUser], "/session")
	require.NotContains(t, said[ScopeSystem], "/session")

	address := newExtensionFor(t, "unix:path=/only/this")
	require.Equal(t, []string{"unix:path=/only/this"}, address.addresses())
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(cfg *Config)
		want   string
	}{
		{"scope", func(c *Config) { c.Scope = "global" }, `scope must be system or user (got "global")`},
		{"address remote", func(c *Config) { c.Address = "tcp:host=db1,port=1" }, `address must be a local socket such as unix:path=/run/systemd/private (got "tcp:host=db1,port=1")`},
		{"address relative", func(c *Config) { c.Address = "unix:path=private" }, `address must be a local socket`},
		{"units empty", func(c *Config) { c.Units = []string{""} }, `units[0] must be the name of a unit or a glob such as "web-*.service" (got "")`},
		{"units glob", func(c *Config) { c.Units = []string{"a.service", "[x"} }, `units[1] must be the name of a unit or a glob such as "web-*.service" (got "[x")`},
		{"protected", func(c *Config) { c.Protected = []string{"[x"} }, `protected[0] must be the name of a unit or a glob such as "web-*.service" (got "[x")`},
		{"journal_directory", func(c *Config) { c.JournalDirectory = "journal" }, `journal_directory must be an absolute path such as /var/log/journal (got "journal")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, cfg.Validate())
			tt.change(cfg)
			require.ErrorContains(t, cfg.Validate(), tt.want)
		})
	}
	require.ErrorContains(t, confmap.NewFromStringMap(map[string]any{"unit": "x"}).Unmarshal(createDefaultConfig()), "unit")
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
		sub, err := conf.Sub("extensions::systemd")
		require.NoError(t, err)
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(cfg))
		require.NoError(t, cfg.Validate())
		require.NotEmpty(t, cfg.Units)
	}
}

func BenchmarkExplain(b *testing.B) {
	s := systemdtest.Boot(b)
	e := started(b, nil, func(cfg *Config) { cfg.Address = s.Address() })
	req, _ := planned(b, e, verbExplain, "homeostat-test.target", actuator.Params{paramLines: 0})
	for b.Loop() {
		_, err := e.Execute(b.Context(), req)
		require.NoError(b, err)
	}
}
