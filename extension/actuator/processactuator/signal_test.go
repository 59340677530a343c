// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// stubborn is a process that does not end on TERM; it says when it is ready.
func stubborn(t testing.TB) *child {
	t.Helper()
	var ready io.ReadCloser
	c := spawnChild(t, func(c *execCmd) {
		var err error
		c.Stdin = waiting(t)
		ready, err = c.StdoutPipe()
		require.NoError(t, err)
	}, program(t, "sh"), "-c", `trap "" TERM; echo ready; read x`)
	_, err := io.ReadFull(ready, make([]byte, 6))
	require.NoError(t, err)
	return c
}

func TestKillFollowsAfterTheGrace(t *testing.T) {
	tests := []struct {
		name   string
		params actuator.Params
		ended  bool
		facts  map[string]string
	}{
		{"TERM alone", actuator.Params{paramGrace: "100ms"}, false, map[string]string{"signal": "TERM", "ended": "false"}},
		{"TERM, then KILL", actuator.Params{paramGrace: "100ms", paramKill: true}, true, map[string]string{"signal": "TERM, KILL", "ended": "true"}},
		{"KILL", actuator.Params{paramSig: "KILL"}, true, map[string]string{"signal": "KILL", "ended": "true"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, c := started(t, nil), stubborn(t)
			req, _ := planned(t, e, verbSignal, c.target(), tt.params)
			began := time.Now()
			result, err := e.Execute(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, actuator.Applied, result.Outcome)
			delete(result.Facts, "ended_after")
			require.Equal(t, tt.facts, result.Facts)
			require.Equal(t, tt.ended, !c.alive())
			if tt.params[paramGrace] != nil {
				require.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond)
			}
		})
	}
}

// Cut off between TERM and the KILL that was promised, the outcome is unknown.
func TestCutOffDuringTheGrace(t *testing.T) {
	e, c := started(t, nil), stubborn(t)
	req, _ := planned(t, e, verbSignal, c.target(), actuator.Params{paramGrace: "1m", paramKill: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	result, err := e.Execute(ctx, req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, actuator.Unknown, result.Outcome)
	require.True(t, c.alive())
	outcome, err := e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Unknown, outcome, "a process that ignores TERM does not show whether it got one")
}

func TestStopAndContinue(t *testing.T) {
	e, c := started(t, nil), sleeper(t)
	for _, step := range []struct{ signal, state string }{{"STOP", "stopped"}, {"CONT", "sleeping"}} {
		req, _ := planned(t, e, verbSignal, c.target(), actuator.Params{paramSig: step.signal})
		req.Operation += step.signal
		result, err := e.Execute(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, actuator.Applied, result.Outcome)
		require.Contains(t, []string{step.state, "running"}, result.Facts["state"])
	}
	require.True(t, c.alive())
}

func TestHangUpIsSentOnce(t *testing.T) {
	e := started(t, nil)
	out, in, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	c := spawnChild(t, func(c *execCmd) { c.Stdin, c.Stdout = waiting(t), in }, program(t, "sh"), "-c", `trap "echo hup" HUP; echo ready; while :; do read x; done`)
	require.NoError(t, in.Close())
	line := make([]byte, 6)
	_, err = io.ReadFull(out, line)
	require.NoError(t, err)
	req, _ := planned(t, e, verbSignal, c.target(), actuator.Params{paramSig: "HUP"})
	for range 3 {
		result, err := e.Execute(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, actuator.Applied, result.Outcome)
	}
	_, err = io.ReadFull(out, line[:4])
	require.NoError(t, err)
	require.Equal(t, "hup\n", string(line[:4]))
	h, err := open(c.pid())
	require.NoError(t, err)
	defer h.close()
	require.NoError(t, h.signal(unix.SIGKILL))
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Empty(t, strings.TrimSpace(string(rest)), "one operation, one signal")
}

func TestKillAfterGraceGoesWithTermAndIntOnly(t *testing.T) {
	e, c := started(t, nil), sleeper(t)
	req, _ := planned(t, e, verbSignal, c.target(), nil)
	for _, name := range []string{"KILL", "HUP", "STOP", "CONT"} {
		req.Params = actuator.Params{paramSig: name, paramKill: true}
		_, err := e.Plan(t.Context(), req)
		require.ErrorIs(t, err, actuator.ErrParams)
		require.ErrorContains(t, err, "kill_after_grace goes with TERM and INT only, not with "+name)
		result, err := e.Execute(t.Context(), req)
		require.ErrorIs(t, err, actuator.ErrParams)
		require.Equal(t, actuator.Refused, result.Outcome)
	}
	require.True(t, c.alive())
}

func TestReached(t *testing.T) {
	bit := func(sig unix.Signal) uint64 { return 1 << (sig - 1) }
	tests := []struct {
		name  string
		sig   unix.Signal
		state byte
		s     procfs.Status
		want  actuator.Outcome
	}{
		{"would have died", unix.SIGTERM, 'S', procfs.Status{}, actuator.NotApplied},
		{"catches it", unix.SIGTERM, 'S', procfs.Status{Caught: bit(unix.SIGTERM)}, actuator.Unknown},
		{"ignores it", unix.SIGINT, 'S', procfs.Status{Ignored: bit(unix.SIGINT)}, actuator.Unknown},
		{"blocks it", unix.SIGINT, 'S', procfs.Status{Blocked: bit(unix.SIGINT)}, actuator.Unknown},
		{"pending", unix.SIGTERM, 'T', procfs.Status{Pending: bit(unix.SIGTERM)}, actuator.Applied},
		{"another pending", unix.SIGTERM, 'S', procfs.Status{Pending: bit(unix.SIGHUP)}, actuator.NotApplied},
		{"KILL cannot be caught", unix.SIGKILL, 'S', procfs.Status{}, actuator.NotApplied},
		{"KILL waits for the disk", unix.SIGKILL, 'D', procfs.Status{Pending: bit(unix.SIGKILL)}, actuator.Applied},
		{"first of a container", unix.SIGTERM, 'S', procfs.Status{Namespace: 1}, actuator.Unknown},
		{"KILL to the first of a container", unix.SIGKILL, 'S', procfs.Status{Namespace: 1}, actuator.NotApplied},
		{"stopped", unix.SIGSTOP, 'T', procfs.Status{}, actuator.Applied},
		{"stopped and continued, or never stopped", unix.SIGSTOP, 'S', procfs.Status{}, actuator.Unknown},
		{"continued", unix.SIGCONT, 'S', procfs.Status{}, actuator.Unknown},
		{"hang-up leaves no trace", unix.SIGHUP, 'S', procfs.Status{}, actuator.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, reached(tt.sig, tt.state, tt.s)) })
	}
}

// After a reboot nothing that was planned for exists any more.
func TestIdentityOfAnotherBoot(t *testing.T) {
	e, c := started(t, nil), sleeper(t)
	req, _ := planned(t, e, verbSignal, c.target(), nil)
	req.Identity = actuator.Identity{idBoot: "another", idPID: strconv.Itoa(c.pid()), idStart: "1", idExecutable: c.Path}
	result, err := e.Execute(t.Context(), req)
	require.ErrorIs(t, err, actuator.ErrIdentityChanged)
	require.Equal(t, actuator.Refused, result.Outcome)
	require.True(t, c.alive())
	outcome, err := e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, outcome, "the process is gone")
}

func TestSignalNeedsTheRight(t *testing.T) {
	needRoot(t, "to drop rights")
	c := sleeper(t)
	e := started(t, nil)
	req, _ := planned(t, e, verbSignal, c.target(), nil)
	asNobody(t, func() {
		preview, err := e.Plan(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, preview.Blockers, 1)
		require.Equal(t, actuator.BlockerNoPermission, preview.Blockers[0].Code)
	})
	require.True(t, c.alive())
}

func TestHandle(t *testing.T) {
	_, err := open(1 << 30)
	require.ErrorIs(t, err, procfs.ErrGone)

	c := sleeper(t)
	h, err := open(c.pid())
	require.NoError(t, err)
	defer h.close()
	require.False(t, h.ended())
	for range 3 { // a handle can be waited on again after a wait was cut off
		ended, err := h.waitFor(t.Context(), 5*time.Millisecond)
		require.NoError(t, err)
		require.False(t, ended)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.waitFor(cancelled, time.Hour)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, h.signal(unix.SIGKILL))
	ended, err := h.waitFor(t.Context(), soon)
	require.NoError(t, err)
	require.True(t, ended)
	<-c.gone
	require.ErrorIs(t, h.signal(unix.SIGTERM), unix.ESRCH)
}
