// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

const (
	raceMark  = "HOMEOSTAT_TEST_RACE"
	raceTries = 3_000 // 10,000 were run once: none went wrong
	raceShort = 500
)

// TestNoWrongSignalWhenIdsAreReused lets a signaller race against the reuse
// of the very id that it was told to signal. It runs in a process namespace
// of its own, where the test may say which id comes next.
func TestNoWrongSignalWhenIdsAreReused(t *testing.T) {
	needRoot(t, "to make a process namespace")
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("needs unshare: install the package util-linux")
	}
	tries := raceTries
	if testing.Short() {
		tries = raceShort
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), unshare, "--fork", "--pid", "--mount", "--mount-proc", "--kill-child",
		os.Args[0], "-test.run=^TestRaceInside$", "-test.v")
	cmd.Env = append(os.Environ(), raceMark+"="+strconv.Itoa(tries))
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), out.String())
	var reused, refused, wrong int
	_, line, ok := strings.Cut(out.String(), "race: ")
	require.True(t, ok, out.String())
	_, err = fmt.Sscanf(line, "%d reused, %d refused, %d wrong", &reused, &refused, &wrong)
	require.NoError(t, err)
	t.Logf("%d tries: the id was in other hands %d times, refused %d times, wrong %d times", tries, reused, refused, wrong)
	require.Zero(t, wrong)
	require.Greater(t, reused, tries/4, "the race was hardly run")
	require.Positive(t, refused)
}

// TestRaceInside is what the test above runs.
func TestRaceInside(t *testing.T) {
	tries, err := strconv.Atoi(env(raceMark))
	if err != nil {
		return // only a helper process
	}
	const id = 9000
	name := program(t, "sleep")
	e := started(t, nil)
	spawn := func() *exec.Cmd {
		require.NoError(t, os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(id-1)), 0))
		c := exec.Command(name, "300")
		require.NoError(t, c.Start())
		return c
	}
	var reused, refused, wrong int
	for i := range tries {
		victim := spawn()
		req, _ := planned(t, e, verbSignal, processTarget(actuator.AttrPID, strconv.Itoa(victim.Process.Pid)), actuator.Params{paramSig: "KILL", paramGrace: "0s"})
		req.Operation = fmt.Sprint("op-", i)
		answer := make(chan error, 1)
		signaller := func() {
			_, err := e.Execute(t.Context(), req)
			answer <- err
		}
		if i%2 == 0 {
			go signaller()
		}
		_ = victim.Process.Kill()
		_ = victim.Wait()
		bystander := spawn()
		if i%2 == 1 {
			go signaller()
		}
		if <-answer != nil {
			refused++
		}
		if bystander.Process.Pid == victim.Process.Pid {
			reused++
		}
		if stat, err := procfs.ReadStat(bystander.Process.Pid); err != nil || stat.Dead() {
			wrong++
		}
		_ = bystander.Process.Kill()
		_ = bystander.Wait()
	}
	fmt.Printf("race: %d reused, %d refused, %d wrong\n", reused, refused, wrong)
}
