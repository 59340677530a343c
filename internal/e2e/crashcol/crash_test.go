// SPDX-License-Identifier: Apache-2.0

package crashcol

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/operate"
)

// How an incident may end. A cool-down follows a resolved one at once.
var ends = []string{"resolved", "cooldown", "escalated"}

// The effect has happened and nobody knows: the process is killed inside the
// call, again and again, while the evidence keeps coming.
func TestUnknownOutcomeIsNeverRepeated(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name string
		setup
		end []string
	}{
		{"repaired by it", setup{replay: "never", after: time.Minute, heals: true}, []string{"resolved", "cooldown"}},
		{"not repaired by it", setup{replay: "never", after: time.Minute}, []string{"escalated"}},
		{"probeable", setup{replay: "probeable", after: time.Minute, heals: true}, []string{"resolved", "cooldown"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, s.setup)
			b.start(t)
			b.awaitEffects(t, 1)
			before := b.awaitState(t, "executing")
			for range 3 {
				b.col.Kill()
				b.start(t)
				require.Equal(t, before.ID, b.awaitIncident(t).ID, "the restart lost the incident")
			}
			after := b.awaitState(t, s.end...)
			require.Equal(t, before.ID, after.ID)
			require.Len(t, b.effects(t), 1)
			b.stop(t)
			require.Len(t, b.effects(t), 1)
		})
	}
}

// What is harmless to repeat may be repeated, and then says that it is the same.
func TestIdempotentOperationKeepsItsID(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{replay: "idempotent", after: 3 * time.Second, heals: true})
	b.start(t)
	b.awaitEffects(t, 1)
	before := b.awaitState(t, "executing")
	b.col.Kill()
	b.start(t)
	after := b.awaitState(t, "resolved", "cooldown")
	require.Equal(t, before.ID, after.ID)
	// Whether it is repeated depends on whether fresh evidence is there when
	// the engine asks its guards; if not, the effect is verified instead. The
	// engine's own tests hold both. Here: never under another id.
	operations := b.effects(t)
	require.Contains(t, []int{1, 2}, len(operations))
	require.Equal(t, operations[0], operations[len(operations)-1])
	b.stop(t)
}

// rounds times a Collector is killed at random moments of its life, up to
// three times each. The seed is logged, so that a failure can be looked for.
const rounds = 32

func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range rounds {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			b := newBench(t, setup{
				replay: []string{"never", "probeable"}[round%2],
				before: time.Duration(random.IntN(20)) * time.Millisecond,
				after:  time.Duration(random.IntN(200)) * time.Millisecond,
				heals:  round%4 < 3,
			})
			for range 1 + random.IntN(3) {
				b.start(t)
				b.liveFor(t, time.Duration(random.IntN(700))*time.Millisecond)
				b.col.Kill()
				require.LessOrEqual(t, len(b.effects(t)), 1)
			}
			b.start(t)
			b.awaitState(t, ends...)
			require.LessOrEqual(t, len(b.effects(t)), 1)
			b.stop(t)
			require.LessOrEqual(t, len(b.effects(t)), 1)
		})
	}
}

// stop checks the audit trail and ends the Collector as its user would. Before it is ready it does not
// listen to signals yet, and the first one ends it at once.
func (b *bench) stop(t *testing.T) {
	t.Helper()
	b.col.AwaitOutput(t, "Everything is ready")
	b.requireTrail(t)
	require.Zero(t, b.col.Stop(t))
}

func (b *bench) awaitEffects(t *testing.T, n int) {
	t.Helper()
	b.col.Await(t, "an effect", func() bool { return len(b.effects(t)) >= n })
}

// awaitIncident waits until the console answers with the incident.
func (b *bench) awaitIncident(t *testing.T) (in *operate.Incident) {
	t.Helper()
	b.col.Await(t, "the incident", func() bool {
		in = b.incident(t)
		return in != nil
	})
	return in
}

// liveFor waits until the Collector has been ready for d.
func (b *bench) liveFor(t *testing.T, d time.Duration) {
	t.Helper()
	b.col.AwaitOutput(t, "Everything is ready")
	select {
	case <-time.After(d):
	case <-b.col.Done():
		require.Fail(t, "the Collector ended by itself")
	}
}
