// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// playQuorum feeds one score a second: '.' 0, '-' 0.9 (below the alarm level,
// above the clear level), 'X' 2, '|' 2 after a gap, and answers c, b or A.
func playQuorum(q *Quorum, set *QuorumSettings, scores string) (phases string) {
	for i, e := range scores {
		score := map[rune]float64{'.': 0, '-': 0.9, 'X': 2, '|': 2}[e]
		p := q.Fold(set, int64(i)*int64(time.Second), score, e == '|')
		phases += string("cbA"[p])
	}
	return phases
}

func TestQuorumScenarios(t *testing.T) {
	of := func(k, n, m, o int) QuorumSettings {
		return QuorumSettings{FireK: k, FireN: n, ClearM: m, ClearN: o, ClearLevel: 0.7}
	}
	patient := of(1, 1, 1, 1)
	patient.For = 3 * time.Second
	for _, c := range []struct {
		name       string
		set        QuorumSettings
		give, want string
	}{
		{"at once", of(1, 1, 1, 1), ".X.", "cAc"},
		{"two of three", of(2, 3, 2, 2), ".X.X..", "cbbAAc"},
		{"one breach calms down", of(2, 3, 2, 2), ".X...", "cbbcc"},
		{"too far apart", of(2, 3, 4, 4), "X..X....", "bbbbbbbc"},
		{"a breach between calms starts no new phase", of(1, 1, 3, 4), "X.X..X", "AAAAcA"},
		{"between the levels it stays as it is", of(1, 1, 1, 1), "-X--.", "cAAAc"},
		{"calms before the alarm do not count", of(2, 4, 2, 3), "X..", "bbc"},
		{"for three seconds", patient, "XXXXX.", "bbbAAc"},
		{"for starts anew after a calm", patient, "XX.XX", "bbcbb"},
		{"a gap starts the count anew", of(3, 3, 1, 1), "XX|XX", "bbbbA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q Quorum
			require.Equal(t, c.want, playQuorum(&q, &c.set, c.give))
		})
	}
}

func TestQuorumTellsASpikeFromALevelShift(t *testing.T) {
	set := QuorumSettings{FireK: 3, FireN: 5, ClearM: 3, ClearN: 5, ClearLevel: 0.7}
	var q Quorum
	playQuorum(&q, &set, "XXXXXXXXX")
	require.False(t, q.Sustained())
	playQuorum(&q, &set, "X")
	require.True(t, q.Sustained())
	playQuorum(&q, &set, ".")
	require.False(t, q.Sustained())
}

func TestQuorumStateRoundTrip(t *testing.T) {
	set := QuorumSettings{FireK: 2, FireN: 3, ClearM: 2, ClearN: 2, ClearLevel: 0.7}
	for _, history := range []string{"", "X", ".XX", "XX.", "XX.."} {
		var q, restored Quorum
		playQuorum(&q, &set, history)
		b, err := q.AppendBinary(nil)
		require.NoError(t, err)
		require.NoError(t, restored.UnmarshalBinary(b))
		require.Equal(t, q, restored)
		require.Equal(t, q.Phase(), restored.Phase())
	}
	var q Quorum
	require.ErrorIs(t, q.UnmarshalBinary(nil), errQuorumState)
	require.ErrorIs(t, q.UnmarshalBinary(append(make([]byte, 16), 3)), errQuorumState)
}
