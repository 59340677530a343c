// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

var testKey = series.Key{Hi: 1, Lo: 2}

// letter abbreviates a state in a scenario.
var letter = map[finding.State]byte{
	finding.Normal: '.', finding.Pending: 'p', finding.Firing: 'F', finding.Resolved: 'r', finding.Unknown: 'u',
}

// playGate feeds one event a second: '.' calm, 'b' breached, 'A' alarm, '_' silence.
func playGate(g *Gate, set *GateSettings, events string) (states string, outcomes []Outcome) {
	for i, e := range events {
		t := int64(i+1) * int64(time.Second)
		var out Outcome
		switch e {
		case '_':
			out = g.Silence(t)
		case 'b':
			out = g.Fold(set, testKey, t, Breached)
		case 'A':
			out = g.Fold(set, testKey, t, Alarm)
		default:
			out = g.Fold(set, testKey, t, Calm)
		}
		states += string(letter[out.State])
		outcomes = append(outcomes, out)
	}
	return states, outcomes
}

func TestGateScenarios(t *testing.T) {
	never := GateSettings{}
	flappy := GateSettings{FlapCount: 3, FlapHold: 4 * time.Second}
	for _, c := range []struct {
		name       string
		set        GateSettings
		give, want string
	}{
		{"quiet", never, "....", "...."},
		{"pending, firing, resolved, normal", never, ".bbAA..", ".ppFFr."},
		{"at once", never, ".A..", ".Fr."},
		{"a pending episode was reported, so its end is too", never, ".bb..", ".ppr."},
		{"firing does not fall back to pending", never, "AAbb..", "FFFFr."},
		{"silence while firing is unknown, said once, and not resolved", never, "AA__A.", "FFu.Fr"},
		{"it comes back calm", never, "AA_..", "FFur."},
		{"silence while pending ends the episode", never, "bb_..", "ppu.."},
		{"silence of an ordinary series is no news", never, ".._..", "....."},
		{"the third quick episode is held until calm for 4 s", flappy, "A.A.A.......", "FrFrFFFFFr.."},
		{"a flapping one stays one episode", flappy, "A.A.A..A..A......", "FrFrFFFFFFFFFFFr."},
		{"slow episodes are no flapping", flappy, "A......A......A..", "Fr.....Fr.....Fr."},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g Gate
			got, _ := playGate(&g, &c.set, c.give)
			require.Equal(t, c.want, got)
		})
	}
}

func TestGateNamesEpisodes(t *testing.T) {
	var g Gate
	_, out := playGate(&g, &GateSettings{}, ".bAA_A..A.")
	require.Zero(t, out[0].ID)
	for i := 2; i <= 6; i++ {
		require.Equal(t, out[1].ID, out[i].ID, "one id through pending, firing, silence and the end (event %d)", i)
	}
	require.Zero(t, out[7].ID)
	require.NotEqual(t, out[1].ID, out[8].ID, "another episode has another id")
	require.Len(t, out[1].ID.String(), 16)

	var again Gate
	_, replayed := playGate(&again, &GateSettings{}, ".bAA_A..A.")
	require.Equal(t, out, replayed, "a replay names the same episodes")
	require.NotEqual(t, newEpisodeID(testKey, 5), newEpisodeID(series.Key{Hi: 2, Lo: 1}, 5))
}

func TestGateReportsTheMomentOfFiringAndHolding(t *testing.T) {
	var g Gate
	_, out := playGate(&g, &GateSettings{FlapCount: 2, FlapHold: 3 * time.Second}, "bAA.A......")
	var fired, held []int
	for i, o := range out {
		if o.Fired {
			fired = append(fired, i)
		}
		if o.Held {
			held = append(held, i)
		}
	}
	require.Equal(t, []int{1, 4}, fired)
	require.Equal(t, []int{5}, held, "a hold is counted once")
}

// TestGateKeepsItsPromises: whatever happens, each reported episode has one
// start, at most one resolved and nothing after it, one that fired ends in
// resolved or unknown, ids are unique, and never are two open.
func TestGateKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := GateSettings{
			FlapCount: rapid.IntRange(0, 4).Draw(t, "flaps"),
			FlapHold:  time.Duration(rapid.IntRange(0, 5).Draw(t, "hold")) * time.Second,
		}
		events := rapid.StringOfN(rapid.RuneFrom([]rune(".bA_")), 0, 80, -1).Draw(t, "events")
		var g Gate
		_, outcomes := playGate(&g, &set, events+"_")
		open, fired := EpisodeID(0), false
		closed := map[EpisodeID]bool{}
		last := finding.Normal
		for i, o := range outcomes {
			switch o.State {
			case finding.Normal:
				if o.ID != 0 {
					t.Fatalf("event %d: a normal point names an episode", i)
				}
				silence := i == len(outcomes)-1 || events[i] == '_'
				if open != 0 && !silence {
					t.Fatalf("event %d: the episode vanished", i)
				}
				continue
			case finding.Pending, finding.Firing:
				if open == 0 {
					open, fired = o.ID, false
				}
				if o.Fired == fired && o.State == finding.Firing && o.Fired {
					t.Fatalf("event %d: fired twice", i)
				}
				fired = fired || o.Fired
				if fired != (o.State == finding.Firing) {
					t.Fatalf("event %d: state %s, fired %t", i, o.State, fired)
				}
			case finding.Resolved, finding.Unknown:
				if open == 0 {
					t.Fatalf("event %d: %s without an episode", i, o.State)
				}
			}
			if o.ID != open || closed[o.ID] {
				t.Fatalf("event %d: id %s, open %s, closed %t", i, o.ID, open, closed[o.ID])
			}
			if o.State == finding.Resolved || (o.State == finding.Unknown && !fired) {
				closed[open], open = true, 0
			}
			last = o.State
		}
		if open != 0 && last != finding.Unknown {
			t.Fatalf("the last word on an open episode is %s", last)
		}
	})
}

func TestGateStateRoundTrip(t *testing.T) {
	set := GateSettings{FlapCount: 3, FlapHold: 4 * time.Second}
	events := "A.bA.A__A....A."
	for cut := range events {
		var g Gate
		playGate(&g, &set, events[:cut])
		b, err := g.AppendBinary(nil)
		require.NoError(t, err)
		require.Len(t, b, gateStateSize)
		var restored Gate
		require.NoError(t, restored.UnmarshalBinary(b))
		require.Equal(t, g, restored)
	}
}

func TestGateRefusesForeignState(t *testing.T) {
	for name, b := range map[string][]byte{
		"short":                       make([]byte, gateStateSize-1),
		"unknown flag":                append(make([]byte, 24), 4, 0),
		"fired without an episode":    append(make([]byte, 24), gateFired, 0),
		"silent without having fired": append(append([]byte{1}, make([]byte, 23)...), gateSilent, 0),
	} {
		t.Run(name, func(t *testing.T) {
			var g Gate
			require.ErrorIs(t, g.UnmarshalBinary(b), errGateState)
			require.Equal(t, Gate{}, g)
		})
	}
}
