// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/actuatortest"
)

func TestConformance(t *testing.T) {
	state, daemon := t.TempDir(), program(t, "sleep")
	actuatortest.Run(t, actuatortest.Harness{
		Prefix: "process",
		New: func(t *testing.T) actuator.Actuator {
			return started(t, func(cfg *Config) {
				cfg.StateDirectory = state
				cfg.Services = map[string]ServiceConfig{"daemon": {Command: []string{daemon, "300"}}}
			})
		},
		Cases: []actuatortest.Case{
			{Name: "explain", Verb: verbExplain, Setup: processSubject(nil)},
			{Name: "renice", Verb: verbRenice, Setup: processSubject(actuator.Params{paramNice: 7})},
			{Name: "signal TERM", Verb: verbSignal, Setup: processSubject(nil)},
			{Name: "signal KILL", Verb: verbSignal, Setup: processSubject(actuator.Params{paramSig: "KILL"})},
			{Name: "signal INT then KILL", Verb: verbSignal, Setup: processSubject(actuator.Params{paramSig: "INT", paramKill: true, paramGrace: "1s"})},
			{Name: "signal STOP", Verb: verbSignal, Setup: processSubject(actuator.Params{paramSig: "STOP"})},
			{Name: "start", Verb: verbStart, Setup: func(t *testing.T) actuatortest.Subject {
				clearService(t, state, daemon)
				s := serviceSubject(t, daemon)
				s.Replace = func() { spawnDaemon(t, daemon) }
				return s
			}},
			{Name: "stop", Verb: verbStop, Setup: func(t *testing.T) actuatortest.Subject {
				clearService(t, state, daemon)
				current := spawnDaemon(t, daemon)
				s := serviceSubject(t, daemon)
				s.Replace = func() {
					current.kill()
					current = spawnDaemon(t, daemon)
				}
				return s
			}},
		},
	})
}

// processSubject is a process found by its name, so that another incarnation
// can take its place.
func processSubject(params actuator.Params) func(t *testing.T) actuatortest.Subject {
	return func(t *testing.T) actuatortest.Subject {
		name := program(t, "sleep")
		current := spawnChild(t, nil, name, "300")
		return actuatortest.Subject{
			Target: processTarget(actuator.AttrExecutable, filepath.Base(name)),
			Params: params,
			State:  func() string { return settled(t, func() string { return running(name) }) },
			Replace: func() {
				current.kill()
				current = spawnChild(t, nil, name, "300")
			},
			Interfere: func() { setNice(t, current.pid(), 3) },
		}
	}
}

func serviceTarget(name string) actuator.Target {
	return actuator.Target{Kind: actuator.KindService, Key: "host/" + name, Attr: map[string]string{actuator.AttrService: name}}
}

func serviceSubject(t *testing.T, daemon string) actuatortest.Subject {
	return actuatortest.Subject{
		Target: serviceTarget("daemon"),
		State:  func() string { return settled(t, func() string { return running(daemon) }) },
	}
}

func spawnDaemon(t *testing.T, daemon string) *child {
	return spawnChild(t, func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }, daemon, "300")
}

// clearService ends what runs of a service now, and again when the test ends,
// and forgets its record.
func clearService(t *testing.T, state, daemon string) {
	t.Helper()
	end := func() {
		killAll(t, daemon)
		require.NoError(t, os.RemoveAll(filepath.Join(state, "daemon.json")))
	}
	end()
	t.Cleanup(end)
}
