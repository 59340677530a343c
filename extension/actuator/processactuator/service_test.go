// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// withService returns the actuator with one service, and the file that keeps
// its record.
func withService(t *testing.T, s ServiceConfig) (*processExtension, string) {
	t.Helper()
	e := started(t, func(cfg *Config) { cfg.Services = map[string]ServiceConfig{"app": s} })
	file := e.recordFile("app")
	return e, file
}

func start(t *testing.T, e *processExtension, operation string) (actuator.Result, error) {
	t.Helper()
	req, _ := planned(t, e, verbStart, serviceTarget("app"), nil)
	req.Operation = operation
	return e.Execute(t.Context(), req)
}

// script writes an executable that belongs to one test alone.
func script(t *testing.T, body string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), fmt.Sprintf("hs-script-%d", programs.Add(1)))
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return name
}

// pidOf reads the process id from a result and ends the process with the test.
func pidOf(t *testing.T, result actuator.Result) int {
	t.Helper()
	pid, err := strconv.Atoi(result.Facts["pid"])
	require.NoError(t, err)
	t.Cleanup(func() { end(t, pid) })
	return pid
}

func end(t *testing.T, pid int) {
	t.Helper()
	h, err := open(pid)
	if err != nil {
		return
	}
	defer h.close()
	_ = h.signal(9)
	_, err = h.waitFor(context.WithoutCancel(t.Context()), soon)
	require.NoError(t, err)
}

func TestStartedDaemonStandsAlone(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	dir := t.TempDir()
	t.Setenv("COLLECTOR_SECRET", "do not pass on")
	e, file := withService(t, ServiceConfig{
		Command:   []string{script(t, `env; pwd; echo "$@"; echo problem >&2; exec sleep 300`), "a b", "$(reboot)", "*"},
		Directory: dir, Environment: map[string]string{"MODE": "test"}, Output: out,
	})
	result, err := start(t, e, "op-1")
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, result.Outcome)
	pid := pidOf(t, result)
	stat, err := procfs.ReadStat(pid)
	require.NoError(t, err)
	require.Equal(t, pid, stat.Session, "it leads a session of its own")
	require.Zero(t, stat.TTY)
	files, err := procfs.OpenFiles(pid)
	require.NoError(t, err)
	require.Equal(t, 3, files, "nothing of the collector's is left open in it")

	var text []byte
	require.Eventually(t, func() bool {
		text, _ = os.ReadFile(out)
		return strings.Contains(string(text), "problem")
	}, soon, 5*time.Millisecond)
	require.Contains(t, string(text), "MODE=test\n")
	require.Contains(t, string(text), "HOMEOSTAT_SERVICE=app\n")
	require.Contains(t, string(text), "PATH="+searchPath+"\n")
	require.NotContains(t, string(text), "COLLECTOR_SECRET")
	require.Contains(t, string(text), dir+"\na b $(reboot) *\n", "arguments are passed on as they stand")

	r, err := readRecord(file)
	require.NoError(t, err)
	require.Equal(t, phaseStarted, r.Phase)
	require.Equal(t, "op-1", r.Operation)
	require.Equal(t, pid, r.PID)
	require.Equal(t, stat.Start, r.StartTicks)
}

// However many ask, and whatever they remember, one daemon runs.
func TestNeverTwo(t *testing.T) {
	state, program := filepath.Join(t.TempDir(), "state"), program(t, "sleep")
	collector := func() *processExtension {
		return started(t, func(cfg *Config) {
			cfg.StateDirectory = state
			cfg.Services = map[string]ServiceConfig{"app": {Command: []string{program, "300"}}}
		})
	}
	t.Cleanup(func() { killAll(t, program) })
	var group sync.WaitGroup
	var applied sync.Map
	for i := range 8 {
		e := collector()
		req, _ := planned(t, e, verbStart, serviceTarget("app"), nil)
		req.Operation = fmt.Sprint("op-", i)
		group.Go(func() {
			if result, err := e.Execute(t.Context(), req); err == nil && result.Outcome == actuator.Applied {
				applied.Store(req.Operation, true)
			}
		})
	}
	group.Wait()
	winners := 0
	applied.Range(func(any, any) bool { winners++; return true })
	require.Equal(t, 1, winners)
	require.Equal(t, 1, strings.Count(running(program), "\n"), running(program))

	t.Run("without its record", func(t *testing.T) {
		e := collector()
		require.NoError(t, os.Remove(e.recordFile("app")))
		_, preview := planned(t, e, verbStart, serviceTarget("app"), nil)
		require.Equal(t, actuator.BlockerNothingToDo, preview.Blockers[0].Code)
		result, err := start(t, e, "op-again")
		require.ErrorIs(t, err, actuator.ErrBlocked)
		require.Equal(t, actuator.Refused, result.Outcome)
	})
	require.Equal(t, 1, strings.Count(running(program), "\n"))
}

// A daemon that changed its name and arguments is recognised by its program
// and the mark in its environment.
func TestRenamedDaemonIsRecognised(t *testing.T) {
	shell := program(t, "bash")
	e, file := withService(t, ServiceConfig{Command: []string{shell, "-c", "exec -a renamed " + shell + " -c 'read x < <(sleep 300)'"}})
	t.Cleanup(func() { killAll(t, shell) })
	result, err := start(t, e, "op-1")
	require.NoError(t, err)
	pid := pidOf(t, result)
	require.Eventually(t, func() bool {
		args, err := procfs.Command(pid)
		return err == nil && len(args) > 0 && args[0] == "renamed"
	}, soon, 5*time.Millisecond)
	require.NoError(t, os.Remove(file))
	_, preview := planned(t, e, verbStart, serviceTarget("app"), nil)
	require.NotEmpty(t, preview.Blockers)
	require.Equal(t, actuator.BlockerNothingToDo, preview.Blockers[0].Code)
}

func TestDaemonThatEndsAtOnce(t *testing.T) {
	e, _ := withService(t, ServiceConfig{Command: []string{script(t, "exit 3")}})
	result, err := start(t, e, "op-1")
	require.ErrorContains(t, err, "service app ended at once: exit status 3")
	require.Equal(t, actuator.Applied, result.Outcome, "it was started, so the operation has had its effect")
	require.Equal(t, "exit status 3", result.Facts["exit"])
	result, err = start(t, e, "op-2")
	require.Error(t, err)
	require.Equal(t, actuator.Applied, result.Outcome, "another operation may try again")
}

func TestDaemonInTheBackground(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "app.pid")
	e, file := withService(t, ServiceConfig{
		Command: []string{script(t, `sleep 300 & echo $! > `+pidFile)}, PIDFile: pidFile,
	})
	result, err := start(t, e, "op-1")
	require.NoError(t, err)
	pid := pidOf(t, result)
	r, err := readRecord(file)
	require.NoError(t, err)
	require.Equal(t, pid, r.PID, "the record names the process that goes on")

	req, _ := planned(t, e, verbStop, serviceTarget("app"), nil)
	result, err = e.Execute(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "true", result.Facts["ended"])

	t.Run("without a pid file", func(t *testing.T) {
		e, _ := withService(t, ServiceConfig{Command: []string{script(t, "exit 0")}, PIDFile: filepath.Join(t.TempDir(), "never.pid")})
		req, _ := planned(t, e, verbStart, serviceTarget("app"), nil)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		result, err := e.Execute(ctx, req)
		require.ErrorContains(t, err, "names no process of it")
		require.Equal(t, actuator.Applied, result.Outcome)
	})
}

func TestStartIsHeldBack(t *testing.T) {
	open := script(t, "exec sleep 300")
	require.NoError(t, os.Chmod(open, 0o777))
	plain := script(t, "exec sleep 300")
	require.NoError(t, os.Chmod(plain, 0o644))
	for _, tt := range []struct{ name, command, code string }{
		{"missing", "/no/such/program", "not_executable"},
		{"directory", "/tmp", "not_executable"},
		{"not executable", plain, "not_executable"},
		{"writable for all", open, "unsafe_command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, file := withService(t, ServiceConfig{Command: []string{tt.command}})
			req, preview := planned(t, e, verbStart, serviceTarget("app"), nil)
			require.Equal(t, tt.code, preview.Blockers[0].Code)
			result, err := e.Execute(t.Context(), req)
			require.ErrorIs(t, err, actuator.ErrBlocked)
			require.Equal(t, actuator.Refused, result.Outcome)
			require.NoFileExists(t, file)
		})
	}
	t.Run("unknown service", func(t *testing.T) {
		e, _ := withService(t, ServiceConfig{Command: []string{plain}})
		_, err := e.Plan(t.Context(), actuator.Request{Verb: verbStart, Target: serviceTarget("../app")})
		require.ErrorIs(t, err, actuator.ErrNotFound)
	})
	t.Run("not a program", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "garbage")
		require.NoError(t, os.WriteFile(name, []byte{0x7f, 'E', 'L', 'F'}, 0o755))
		e, _ := withService(t, ServiceConfig{Command: []string{name}})
		req, _ := planned(t, e, verbStart, serviceTarget("app"), nil)
		result, err := e.Execute(t.Context(), req)
		require.ErrorIs(t, err, actuator.ErrBlocked)
		require.Equal(t, actuator.NotApplied, result.Outcome)
		outcome, err := e.Probe(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, actuator.NotApplied, outcome)
	})
}

// The collector died between writing its intent and creating the daemon, or
// between creating it and writing down who it is.
func TestProbeAroundACrash(t *testing.T) {
	program := program(t, "sleep")
	e, file := withService(t, ServiceConfig{Command: []string{program, "300"}})
	req, _ := planned(t, e, verbStart, serviceTarget("app"), nil)
	boot, err := procfs.BootID()
	require.NoError(t, err)
	require.NoError(t, writeRecord(file, record{Service: "app", Phase: phaseStarting, Operation: req.Operation, BootID: boot}))
	outcome, err := e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Unknown, outcome)

	spawnDaemon(t, program)
	outcome, err = e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, outcome)

	require.NoError(t, writeRecord(file, record{Service: "app", Phase: phaseStarted, Operation: "another", BootID: boot}))
	outcome, err = e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Unknown, outcome, "another operation came after ours, or instead of it")
}

func TestDamagedRecordHoldsEverything(t *testing.T) {
	e, file := withService(t, ServiceConfig{Command: []string{script(t, "exec sleep 300")}})
	for _, text := range []string{"", "{", `{"service":"app","phase":"dancing"}`, `{"phase":"started"}`, `{"service":"app","phase":"started","pid":-1}`} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := e.Plan(t.Context(), actuator.Request{Verb: verbStart, Target: serviceTarget("app")})
		require.ErrorIs(t, err, actuator.ErrBlocked, text)
		require.ErrorContains(t, err, "damaged", text)
	}
}

func TestStopEndsTheOnlyOne(t *testing.T) {
	program := program(t, "sleep")
	e, file := withService(t, ServiceConfig{Command: []string{program, "300"}})
	_, err := e.Plan(t.Context(), actuator.Request{Verb: verbStop, Target: serviceTarget("app")})
	require.ErrorIs(t, err, actuator.ErrNotFound)

	// It was started by hand: it is the service all the same.
	first := spawnDaemon(t, program)
	second := spawnDaemon(t, program)
	_, err = e.Plan(t.Context(), actuator.Request{Verb: verbStop, Target: serviceTarget("app")})
	require.ErrorIs(t, err, actuator.ErrAmbiguous)
	second.kill()
	req, _ := planned(t, e, verbStop, serviceTarget("app"), nil)
	result, err := e.Execute(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, result.Outcome)
	require.False(t, first.alive())
	r, err := readRecord(file)
	require.NoError(t, err)
	require.Equal(t, phaseStopped, r.Phase)
}

func TestStopKillsAfterTheGrace(t *testing.T) {
	e, _ := withService(t, ServiceConfig{Command: []string{script(t, `trap "" TERM; echo; while :; do sleep 0.05; done`)}})
	result, err := start(t, e, "op-1")
	require.NoError(t, err)
	pidOf(t, result)
	req, _ := planned(t, e, verbStop, serviceTarget("app"), actuator.Params{paramGrace: "200ms"})
	result, err = e.Execute(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "TERM, KILL", result.Facts["signal"])
	require.Equal(t, "true", result.Facts["ended"])
}

// After a reload of its configuration the collector still collects daemons
// that it started before.
func TestReloadCollectsEarlierDaemons(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.StateDirectory = filepath.Join(t.TempDir(), "state")
	cfg.Services = map[string]ServiceConfig{"app": {Command: []string{program(t, "sleep"), "300"}}}
	create := func() *processExtension {
		e := newExtension(cfg, extensiontest.NewNopSettings(NewFactory().Type()))
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		return e
	}
	old := create()
	result, err := start(t, old, "op-1")
	require.NoError(t, err)
	pid := pidOf(t, result)
	require.NoError(t, old.Shutdown(t.Context()))
	stat, err := procfs.ReadStat(pid)
	require.NoError(t, err)
	require.False(t, stat.Dead(), "it survives")

	fresh := create()
	defer func() { require.NoError(t, fresh.Shutdown(t.Context())) }()
	end(t, pid)
	require.Eventually(t, func() bool {
		_, err := procfs.ReadStat(pid)
		return err != nil
	}, soon, 5*time.Millisecond, "it stays behind as a zombie")
}

func TestServiceRunsAsItsUser(t *testing.T) {
	needRoot(t, "to start a daemon as another user")
	e, _ := withService(t, ServiceConfig{Command: []string{program(t, "sleep"), "300"}, User: "nobody"})
	result, err := start(t, e, "op-1")
	require.NoError(t, err)
	status, err := procfs.ReadStatus(pidOf(t, result))
	require.NoError(t, err)
	require.Equal(t, 65534, status.UID)
}

func TestStartOfTheExtensionChecks(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	for _, tt := range []struct {
		name, want string
		change     func(cfg *Config)
	}{
		{"state directory", "state_directory must be a directory that the collector may write to", func(cfg *Config) { cfg.StateDirectory = blocked }},
		{"user", `services::app::user must be a user of this host (got "no-such-user")`, func(cfg *Config) {
			cfg.Services = map[string]ServiceConfig{"app": {Command: []string{"/bin/true"}, User: "no-such-user"}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.StateDirectory = t.TempDir()
			cfg.Services = map[string]ServiceConfig{"app": {Command: []string{"/bin/true"}}}
			tt.change(cfg)
			require.NoError(t, cfg.Validate())
			e := newExtension(cfg, extensiontest.NewNopSettings(NewFactory().Type()))
			require.ErrorContains(t, e.Start(t.Context(), componenttest.NewNopHost()), tt.want)
			require.NoError(t, e.Shutdown(t.Context()))
		})
	}
}

func TestShebang(t *testing.T) {
	tests := []struct {
		head string
		want []string
	}{
		{"\x7fELF", nil},
		{"#!", nil},
		{"#!/bin/sh\nexit", []string{"/bin/sh"}},
		{"#! /bin/sh -e -u\n", []string{"/bin/sh", "-e -u"}},
		{"#!/usr/bin/env python3\n", []string{"python3"}},
		{"#!/usr/bin/env -S python3 -u\n", []string{"python3", "-u"}},
		{"#!/bin/sh", []string{"/bin/sh"}},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, shebang(tt.head), "%q", tt.head)
	}
}

func FuzzShebang(f *testing.F) {
	f.Add("#!/usr/bin/env -S python3 -u\n")
	f.Add("#! \t \n")
	f.Fuzz(func(t *testing.T, head string) {
		for _, arg := range shebang(head) {
			require.NotContains(t, arg, "\n")
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"service":"app","phase":"started","operation":"op","boot_id":"b","pid":7,"start_ticks":9}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err == nil {
			require.NotEmpty(t, r.Service)
			require.GreaterOrEqual(t, r.PID, 0)
		}
	})
}
