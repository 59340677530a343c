// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/finding"
)

// evidenceOf folds the points of one series, a second apart: F firing,
// P pending, N normal, R resolved, U unknown.
func evidenceOf(script string, floor time.Time) Evidence {
	states := map[rune]finding.State{'F': finding.Firing, 'P': finding.Pending, 'N': finding.Normal, 'R': finding.Resolved, 'U': finding.Unknown}
	var ev Evidence
	for i, letter := range script {
		p := firing(0, start.Add(time.Duration(i)*time.Second))
		p.State = states[letter]
		ev = ev.observe(p, floor)
	}
	return ev
}

func TestKOfN(t *testing.T) {
	for _, c := range []struct {
		script string
		k, n   int
		span   time.Duration
		want   bool
	}{
		{"F", 1, 1, 0, true},
		{"FF", 3, 5, 0, false},
		{"FFF", 3, 5, 0, true},
		{"FNFNF", 3, 5, 0, true},
		{"FNFNNF", 3, 5, 0, false},
		{"FFFN", 3, 5, 0, false},
		{"FFFF", 3, 5, 3 * time.Second, true},
		{"FFFF", 3, 5, 4 * time.Second, false},
		{"FFNFF", 3, 5, 2 * time.Second, false},
		{"FFFU", 3, 5, 0, false},
		{"FUFUF", 3, 3, 0, true},
		{"N", 1, 1, 0, false},
	} {
		require.Equal(t, c.want, evidenceOf(c.script, time.Time{}).Of(c.k, c.n, c.span), "%s %d of %d for %s", c.script, c.k, c.n, c.span)
	}
}

func TestClearedNeedsEverySeriesAndSilenceIsNoAnswer(t *testing.T) {
	require.False(t, Evidence(nil).Cleared())
	require.True(t, evidenceOf("FR", time.Time{}).Cleared())
	require.True(t, evidenceOf("FRN", time.Time{}).Cleared())
	require.False(t, evidenceOf("FRNU", time.Time{}).Cleared())
	require.False(t, evidenceOf("FP", time.Time{}).Cleared())
	two := evidenceOf("FR", time.Time{}).observe(firing(1, start), time.Time{})
	require.False(t, two.Cleared())
}

func TestCalmCountsOnlyNewerThanTheFloor(t *testing.T) {
	ev := evidenceOf("FNNNNN", start.Add(2*time.Second))
	require.Equal(t, 3, ev[0].Calms)
	require.Equal(t, start.Add(3*time.Second), ev[0].Calm)
	require.Zero(t, ev.rest(start.Add(5 * time.Second))[0].Calms)
	require.Zero(t, evidenceOf("FNNP", time.Time{})[0].Calms, "pending is not calm")
}

func TestOldAndRepeatedPointsAreIgnored(t *testing.T) {
	ev := evidenceOf("FN", time.Time{})
	require.Equal(t, ev, ev.observe(firing(0, start), time.Time{}))
	again := ev[0].Last
	again.State = finding.Firing
	require.Equal(t, ev, ev.observe(again, time.Time{}))
}

func TestSeriesAreBounded(t *testing.T) {
	var ev Evidence
	for i := range 100 {
		ev = ev.observe(firing(i, start), time.Time{})
	}
	require.Len(t, ev, MaxSeries)
}

func TestStatisticsAloneAreNoRule(t *testing.T) {
	ev := evidenceOf("F", time.Time{})
	require.False(t, ev.ByRule())
	p := firing(1, start)
	p.Rules = []string{"r"}
	require.True(t, ev.observe(p, time.Time{}).ByRule())
	require.InDelta(t, 3, ev.Score(), 0)
	require.Zero(t, evidenceOf("FR", time.Time{}).Score())
}

func TestNumberKeepsMissingMissing(t *testing.T) {
	for _, n := range []float64{math.NaN(), math.Inf(1)} {
		data, err := json.Marshal(Number(n))
		require.NoError(t, err)
		require.Equal(t, "null", string(data))
		var back struct{ N Number }
		require.NoError(t, json.Unmarshal([]byte(`{"N":null}`), &back))
		require.True(t, math.IsNaN(float64(back.N)))
	}
	data, err := json.Marshal(Number(0.1))
	require.NoError(t, err)
	require.Equal(t, "0.1", string(data))
}
