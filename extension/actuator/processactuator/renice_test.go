// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// threaded is a process with several threads; stress-ng has none that last,
// so it is this test binary's own kind: a Go program that only waits.
func threaded(t testing.TB) *child {
	c := spawnChild(t, func(c *execCmd) { c.Env = []string{"GODEBUG=", "HOMEOSTAT_TEST_WAIT=1"} }, "/proc/self/exe", "-test.run=^TestWaitForever$")
	require.Eventually(t, func() bool {
		threads, err := procfs.Threads(c.pid())
		return err == nil && len(threads) > 3
	}, soon, 5*time.Millisecond)
	return c
}

// TestWaitForever is what threaded runs.
func TestWaitForever(t *testing.T) {
	if env("HOMEOSTAT_TEST_WAIT") == "" {
		return // only a helper process
	}
	<-make(chan struct{}, len(t.Name()))
}

func TestReniceSetsEachThreadAndPutsEachBack(t *testing.T) {
	needRoot(t, "to raise a priority again")
	e, c := started(t, nil), threaded(t)
	threads, err := procfs.Threads(c.pid())
	require.NoError(t, err)
	odd := threads[len(threads)-1]
	setNice(t, odd, 5)
	target := processTarget(actuator.AttrPID, strconv.Itoa(c.pid()))
	req, preview := planned(t, e, verbRenice, target, actuator.Params{paramNice: 12})
	require.Equal(t, map[string]string{"nice": "0", "nice." + strconv.Itoa(odd): "5"}, preview.Before)

	done, err := e.Execute(t.Context(), req)
	require.NoError(t, err)
	for _, thread := range threads {
		nice, err := procfs.ThreadNice(c.pid(), thread)
		require.NoError(t, err)
		require.Equal(t, 12, nice)
	}
	// Somebody sets one thread by hand: it stays as it is.
	setNice(t, threads[1], 15)
	_, err = e.Undo(t.Context(), req, done)
	require.NoError(t, err)
	for _, thread := range threads {
		nice, err := procfs.ThreadNice(c.pid(), thread)
		require.NoError(t, err)
		switch thread {
		case odd:
			require.Equal(t, 5, nice)
		case threads[1]:
			require.Equal(t, 15, nice)
		default:
			require.Equal(t, 0, nice)
		}
	}
}

func TestReniceAsksForTheRight(t *testing.T) {
	mine := subject{stat: procfs.Stat{Nice: 0}, uid: 65534}
	low := subject{stat: procfs.Stat{Nice: 10}, uid: 65534}
	others := subject{stat: procfs.Stat{Nice: 0}, uid: 0}
	tests := []struct {
		name string
		p    subject
		nice int
		want string
	}{
		{"of another user", others, 10, actuator.BlockerNoPermission},
		{"raise", low, 5, actuator.BlockerNoPermission},
		{"lower for good", mine, 10, "cannot_undo"},
		{"as it is", mine, 0, ""},
	}
	needRoot(t, "to drop rights")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asNobody(t, func() {
				code, _ := reniceBlocker(tt.p, tt.nice)
				require.Equal(t, tt.want, code)
			})
			code, _ := reniceBlocker(tt.p, tt.nice)
			require.Empty(t, code, "root may")
		})
	}
}

func TestUndoReniceRefusesNonsense(t *testing.T) {
	e, c := started(t, nil), sleeper(t)
	req, _ := planned(t, e, verbRenice, c.target(), actuator.Params{paramNice: 3})
	for _, done := range []actuator.Result{
		{},
		{Before: map[string]string{"nice": "x"}, After: map[string]string{"nice": "0"}},
		{Before: map[string]string{"nice": "-99"}, After: map[string]string{"nice": "0"}},
	} {
		result, err := e.Undo(t.Context(), req, done)
		require.ErrorIs(t, err, actuator.ErrParams)
		require.Equal(t, actuator.Refused, result.Outcome)
	}
}
