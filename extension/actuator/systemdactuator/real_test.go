// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/actuatortest"
	"github.com/homeostat/homeostat/extension/actuator/actuatortest/systemdtest"
)

const sleeps = "Type=exec\nExecStart=/bin/sleep infinity"

// on returns an actuator for a booted systemd that allows the units app-*.
func on(t testing.TB, s *systemdtest.Systemd) *systemdExtension {
	return started(t, nil, func(cfg *Config) {
		cfg.Address, cfg.Units = s.Address(), []string{"app-*.service"}
	})
}

func TestConformance(t *testing.T) {
	s := systemdtest.Boot(t)
	serial := 0
	// subject is a fresh unit whose effects are counted by the invocations,
	// the reloads and the failures that systemd knows of.
	subject := func(service string, prepare func(unit string)) func(t *testing.T) actuatortest.Subject {
		return func(t *testing.T) actuatortest.Subject {
			serial++
			unit := fmt.Sprintf("app-%d.service", serial)
			s.Service(unit, "", service)
			prepare(unit)
			t.Cleanup(func() { s.Ctl("stop", unit) })
			return actuatortest.Subject{
				Target: unitTarget(unit),
				State: func() string {
					reloads, _ := os.ReadFile(filepath.Join(s.Dir(), "reloads"))
					return s.Show(unit, "ActiveState") + s.Show(unit, "InvocationID") + s.Show(unit, "Result") + string(reloads)
				},
				Replace: func() { s.Ctl("restart", unit) },
			}
		}
	}
	stopped := func(string) {}
	running := func(unit string) { s.Ctl("start", unit) }
	killed := func(unit string) {
		s.Ctl("start", unit)
		s.KillMain(unit)
		s.Await(unit, "ActiveState", "failed")
	}
	reloadable := sleeps + "\nExecReload=/bin/sh -c 'echo reload >> /mnt/reloads'"
	actuatortest.Run(t, actuatortest.Harness{
		Prefix: "systemd",
		New:    func(t *testing.T) actuator.Actuator { return on(t, s) },
		Cases: []actuatortest.Case{
			{Name: "explain", Verb: verbExplain, Setup: subject(sleeps, running)},
			{Name: "start", Verb: verbStart, Setup: subject(sleeps, stopped)},
			{Name: "start after a crash", Verb: verbStart, Setup: subject(sleeps, killed)},
			{Name: "restart", Verb: verbRestart, Setup: subject(sleeps, running)},
			{Name: "reload", Verb: verbReload, Setup: subject(reloadable, running)},
			{Name: "reset_failed", Verb: verbResetFailed, Setup: subject(sleeps, killed)},
		},
	})
}

func TestRealUnits(t *testing.T) {
	s := systemdtest.Boot(t)
	e := on(t, s)

	t.Run("a killed service is started again", func(t *testing.T) {
		s.Service("app-web.service", "Description=a small web server", sleeps)
		s.Ctl("start", "app-web.service")
		first := s.Show("app-web.service", "InvocationID")
		s.KillMain("app-web.service")
		s.Await("app-web.service", "ActiveState", "failed")

		req, _ := planned(t, e, verbExplain, "app-web.service", nil)
		result, err := e.Execute(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, "failed", result.Facts["active_state"])
		require.Equal(t, "signal", result.Facts["result"])
		require.Equal(t, "9", result.Facts["exit_status"])
		require.Equal(t, first, result.Facts["invocation_id"])
		require.Equal(t, "0", result.Facts["restarts"])
		require.Equal(t, "a small web server", result.Facts["description"])
		require.Contains(t, result.Facts, "journal")

		req, preview := planned(t, e, verbStart, "app-web.service", nil)
		require.Equal(t, []string{"starts app-web.service (failed, failed)"}, preview.Effects)
		result, err = e.Execute(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, actuator.Applied, result.Outcome)
		require.Equal(t, "active", s.Show("app-web.service", "ActiveState"))
		require.NotEqual(t, first, s.Show("app-web.service", "InvocationID"))

		_, preview = planned(t, e, verbStart, "app-web.service", nil)
		require.Equal(t, actuator.BlockerNothingToDo, preview.Blockers[0].Code)
		req, _ = planned(t, e, verbReload, "app-web.service", nil)
		result, err = e.Execute(t.Context(), req)
		require.ErrorIs(t, err, actuator.ErrBlocked)
		require.ErrorContains(t, err, "has no way to reload")
		require.Equal(t, actuator.Refused, result.Outcome)
	})

	t.Run("a masked unit is left alone", func(t *testing.T) {
		require.NoError(t, os.Symlink("/dev/null", filepath.Join(s.Dir(), "units", "app-masked.service")))
		s.Ctl("daemon-reload")
		for _, verb := range []string{verbStart, verbRestart, verbResetFailed} {
			req, preview := planned(t, e, verb, "app-masked.service", nil)
			require.Equal(t, "unit_masked", preview.Blockers[0].Code, verb)
			result, err := e.Execute(t.Context(), req)
			require.ErrorIs(t, err, actuator.ErrBlocked, verb)
			require.Equal(t, actuator.Refused, result.Outcome)
		}
	})

	t.Run("a service that fails uses up its start limit", func(t *testing.T) {
		s.Service("app-broken.service", "StartLimitIntervalSec=1h\nStartLimitBurst=2", "Type=oneshot\nExecStart=/bin/false")
		for i := range 2 {
			req, _ := planned(t, e, verbStart, "app-broken.service", nil)
			req.Operation = fmt.Sprint("start-", i)
			result, err := e.Execute(t.Context(), req)
			require.ErrorContains(t, err, "ended as failed")
			require.Equal(t, actuator.Applied, result.Outcome, "it was started, whatever became of it")
			require.Equal(t, "exit-code", result.Facts["result"])
			require.Equal(t, "1", result.Facts["exit_status"])
		}
		req, _ := planned(t, e, verbStart, "app-broken.service", nil)
		req.Operation = "start-limit"
		result, err := e.Execute(t.Context(), req)
		require.Error(t, err)
		require.Contains(t, []actuator.Outcome{actuator.NotApplied, actuator.Refused}, result.Outcome, "systemd did not start it: %v", err)

		req, _ = planned(t, e, verbResetFailed, "app-broken.service", nil)
		_, err = e.Execute(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, "inactive", s.Show("app-broken.service", "ActiveState"))
		req, _ = planned(t, e, verbStart, "app-broken.service", nil)
		req.Operation = "start-again"
		result, err = e.Execute(t.Context(), req)
		require.ErrorContains(t, err, "ended as failed")
		require.Equal(t, actuator.Applied, result.Outcome, "the start limit was lifted")
	})

	t.Run("systemd is already on it", func(t *testing.T) {
		s.Service("app-loop.service", "StartLimitIntervalSec=0", "Type=exec\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=1h")
		s.Ctl("start", "app-loop.service")
		beforehand, _ := planned(t, e, verbRestart, "app-loop.service", nil)
		s.KillMain("app-loop.service")
		s.Await("app-loop.service", "SubState", "auto-restart")
		invocation := s.Show("app-loop.service", "InvocationID")
		for _, verb := range []string{verbStart, verbRestart} {
			req, preview := planned(t, e, verb, "app-loop.service", nil)
			require.Equal(t, actuator.BlockerOwnerBusy, preview.Blockers[0].Code)
			result, err := e.Execute(t.Context(), req)
			require.ErrorIs(t, err, actuator.ErrBusy)
			require.Equal(t, actuator.Refused, result.Outcome)
		}
		result, err := e.Execute(t.Context(), beforehand)
		require.ErrorIs(t, err, actuator.ErrBusy)
		require.Equal(t, actuator.Refused, result.Outcome)
		require.Equal(t, invocation, s.Show("app-loop.service", "InvocationID"))
		s.Ctl("stop", "app-loop.service")
	})

	t.Run("a job that takes too long is unknown", func(t *testing.T) {
		s.Service("app-slow.service", "", "Type=oneshot\nExecStart=/bin/sleep infinity")
		req, _ := planned(t, e, verbStart, "app-slow.service", actuator.Params{paramTimeout: "1s"})
		began := time.Now()
		result, err := e.Execute(t.Context(), req)
		require.ErrorContains(t, err, "did not finish the job on app-slow.service within 1s")
		require.Equal(t, actuator.Unknown, result.Outcome)
		require.Less(t, time.Since(began), 10*time.Second)
		outcome, err := e.Probe(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, actuator.Applied, outcome, "it is being started")
		_, preview := planned(t, e, verbStart, "app-slow.service", nil)
		require.Equal(t, actuator.BlockerOwnerBusy, preview.Blockers[0].Code)
		s.Ctl("stop", "app-slow.service")
	})

	t.Run("what is not allowed", func(t *testing.T) {
		s.Service("other.service", "", sleeps)
		s.Service("app-ssh.service", "", sleeps)
		require.NoError(t, os.Symlink("app-ssh.service", filepath.Join(s.Dir(), "units", "ssh.service")))
		s.Ctl("daemon-reload")
		s.Ctl("start", "other.service", "ssh.service")
		refusing := started(t, nil, func(cfg *Config) { cfg.Address = s.Address() })
		generous := started(t, nil, func(cfg *Config) {
			cfg.Address, cfg.Units, cfg.Protected = s.Address(), []string{"*"}, []string{"oth*"}
		})
		tests := []struct {
			name string
			e    *systemdExtension
			unit string
			want string
		}{
			{"not listed", e, "other.service", "other.service is not among the units that the configuration allows"},
			{"empty list", refusing, "app-web.service", "is not among the units"},
			{"built-in", generous, "dbus.socket", "keeps the host alive"},
			{"init", generous, "init.scope", "keeps the host alive"},
			{"slice", generous, "system.slice", "keeps the host alive"},
			{"configured", generous, "other.service", "is protected by the configuration"},
			{"under another name", e, "app-ssh.service", "ssh.service keeps the host alive"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				before := s.Show(tt.unit, "InvocationID")
				_, err := tt.e.Plan(t.Context(), actuator.Request{Verb: verbRestart, Target: unitTarget(tt.unit)})
				require.ErrorIs(t, err, actuator.ErrProtected)
				require.ErrorContains(t, err, tt.want)
				req, _ := planned(t, tt.e, verbExplain, tt.unit, nil)
				explained, err := tt.e.Execute(t.Context(), req)
				require.NoError(t, err, "looking is allowed")
				require.Contains(t, explained.Facts["protected"], tt.want)
				req.Verb = verbRestart
				result, err := tt.e.Execute(t.Context(), req)
				require.ErrorIs(t, err, actuator.ErrProtected)
				require.Equal(t, actuator.Refused, result.Outcome)
				require.Equal(t, before, s.Show(tt.unit, "InvocationID"))
			})
		}
		req, _ := planned(t, started(t, nil, func(cfg *Config) { cfg.Address, cfg.Units = s.Address(), []string{"other.service"} }), verbRestart, "other.service", nil)
		require.NotEmpty(t, req.Identity, "listed, it may be restarted")
	})

	t.Run("hostile names", func(t *testing.T) {
		for _, name := range []string{
			"a;rm -rf /.service", "$(reboot).service", "`reboot`.service", "a\nb.service", "a\x00.service", "\x1b[2J.service", "../etc.service",
			"a b.service", "*.service", "-h.service\xff", "app-web", "app-web.service.", ".service", "app-@.service", "app-" + strings.Repeat("a", 300) + ".service", "",
		} {
			_, err := e.Plan(t.Context(), actuator.Request{Verb: verbStart, Target: unitTarget(name)})
			require.Error(t, err, "%q", name)
			if name != "" {
				require.ErrorIs(t, err, actuator.ErrParams, "%q", name)
			}
			require.Equal(t, err.Error(), actuator.Clean(err.Error(), 4096), "%q", name)
		}
		_, err := e.Plan(t.Context(), actuator.Request{Verb: verbStart, Target: unitTarget("app-no-such-unit.service")})
		require.ErrorIs(t, err, actuator.ErrNotFound)
		require.Equal(t, "active", s.Show("app-web.service", "ActiveState"))
	})
}
