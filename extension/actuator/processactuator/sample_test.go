// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

func TestSharesOf(t *testing.T) {
	require.Equal(t, []float64{0.5, 0, 0, 1}, sharesOf([]uint64{10, 5, 9, 0}, []uint64{60, 5, 3, 200}, 100))
	require.Equal(t, []float64{0}, sharesOf([]uint64{1}, []uint64{2}, 0), "an idle host blames nobody")
}

// burner runs a program that uses one CPU until it is killed.
func burner(t testing.TB) *child {
	return spawnChild(t, nil, program(t, "sh"), "-c", "while :; do :; done")
}

func TestTopCPUChoosesTheBurner(t *testing.T) {
	e := started(t, func(cfg *Config) { cfg.SampleWindow = 400 * time.Millisecond })
	c := burner(t)
	// Other work on this host may take as much again, so the share asked for
	// is low; the one that the test finds must still be the burner.
	require.Eventually(t, func() bool {
		preview, err := e.Plan(t.Context(), actuator.Request{
			Verb: verbSignal, Target: processTarget(actuator.AttrTop, "cpu", actuator.AttrMinimumShare, "0.05", actuator.AttrExecutable, filepath.Base(c.Path)),
		})
		if err != nil {
			return false
		}
		require.Equal(t, strconv.Itoa(c.pid()), preview.Identity[idPID])
		require.Greater(t, preview.Contribution, 0.05)
		require.LessOrEqual(t, preview.Contribution, 1.0)
		return true
	}, soon, time.Millisecond)
}

func TestTopRefusesWhoIsNotPartOfTheSymptom(t *testing.T) {
	e, c := started(t, nil), sleeper(t)
	for _, top := range []string{topCPU, topMemory} {
		_, err := e.Plan(t.Context(), actuator.Request{
			Verb: verbSignal, Target: processTarget(actuator.AttrTop, top, actuator.AttrPID, strconv.Itoa(c.pid())),
		})
		require.ErrorIs(t, err, actuator.ErrNotFound)
		require.ErrorContains(t, err, "no process causes 50% of the "+top)
	}
}

func TestTopMemoryChoosesTheHog(t *testing.T) {
	e := started(t, nil)
	name := program(t, "sh")
	spawnChild(t, func(c *execCmd) { c.Stdin = waiting(t) }, name, "-c", "read x")
	hog := spawnChild(t, func(c *execCmd) { c.Stdin = waiting(t) }, name, "-c", `x=$(head -c 100000000 /dev/zero | tr "\0" x); read y`)
	target := processTarget(actuator.AttrTop, "memory", actuator.AttrMinimumShare, "0.0001", actuator.AttrExecutable, filepath.Base(name))
	require.Eventually(t, func() bool {
		preview, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: target})
		return err == nil && preview.Identity[idPID] == strconv.Itoa(hog.pid()) && preview.Contribution > 0.001
	}, 2*soon, 20*time.Millisecond)
}

// Turning the knob changes how long a choice takes.
func TestSampleWindow(t *testing.T) {
	c := burner(t)
	target := processTarget(actuator.AttrTop, "cpu", actuator.AttrMinimumShare, "0.0001", actuator.AttrPID, strconv.Itoa(c.pid()))
	for _, window := range []time.Duration{minSampleWindow, 700 * time.Millisecond} {
		e := started(t, func(cfg *Config) { cfg.SampleWindow = window })
		began := time.Now()
		_, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: target})
		if window > minSampleWindow {
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, time.Since(began), window)
		require.Less(t, time.Since(began), window+650*time.Millisecond)
	}
}
