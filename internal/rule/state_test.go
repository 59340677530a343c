// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/detect"
)

const letters = "cbA" // calm, breached, alarm

// playRule feeds one point a second: 'X' breached, '-' neither breached nor
// clear, '.' clear, '|' breached after a gap.
func playRule(r *Rule, s *State, points string, from int) (phases string) {
	for i, e := range points {
		t := int64(from+i+1) * int64(time.Second)
		phases += string(letters[r.Step(s, t, e == '|', e == 'X' || e == '|', e == '.')])
	}
	return phases
}

func TestRuleScenarios(t *testing.T) {
	of := func(wait, keep int) *Rule {
		return &Rule{Spec: Spec{For: time.Duration(wait) * time.Second, KeepFiringFor: time.Duration(keep) * time.Second}}
	}
	for _, c := range []struct {
		name       string
		rule       *Rule
		give, want string
	}{
		{"at once", of(0, 0), ".X.", "cAc"},
		{"between condition and clear it keeps firing", of(0, 0), "-X--.-", "cAAAcc"},
		{"for three seconds", of(3, 0), "XXXXX.", "bbbAAc"},
		{"for is a run without pause", of(3, 0), "XXX.XXXX", "bbbcbbbA"},
		{"neither breached nor clear ends a pending run too", of(3, 0), "XX-XXXX", "bbcbbbA"},
		{"a gap starts the wait anew", of(2, 0), "XX|XX", "bbbbA"},
		{"a gap while firing changes nothing", of(0, 0), "X|.", "AAc"},
		{"keep firing for two seconds", of(0, 2), "X....", "AAAcc"},
		{"keep firing starts anew after a breach", of(0, 2), "X..X...", "AAAAAAc"},
		{"and after a point that is not clear", of(0, 2), "X..-...", "AAAAAAc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s State
			require.Equal(t, c.want, playRule(c.rule, &s, c.give, 0))
			for cut := range c.give { // a restart at any point changes nothing
				var before, after State
				head := playRule(c.rule, &before, c.give[:cut], 0)
				b, err := before.AppendBinary(nil)
				require.NoError(t, err)
				require.Len(t, b, StateSize)
				require.NoError(t, after.UnmarshalBinary(b))
				require.Equal(t, before.Phase(), after.Phase())
				require.Equal(t, c.want, head+playRule(c.rule, &after, c.give[cut:], cut))
			}
		})
	}
}

func TestStateRefusesForeignBytes(t *testing.T) {
	var s State
	require.ErrorIs(t, s.UnmarshalBinary(make([]byte, StateSize-1)), errState)
	require.ErrorIs(t, s.UnmarshalBinary(append(make([]byte, 16), 3)), errState)
	require.Equal(t, State{}, s)
}

// playWatch runs an absence rule for seconds from 1 on: '#' the expected series
// is reported, '+' the metric is, by others only, '.' nothing is. Each second
// is checked after what it brought.
func playWatch(r *Rule, w *Watch, seconds string) (phases string) {
	for i, e := range seconds {
		t := int64(i+1) * int64(time.Second)
		if e != '.' {
			w.Hear(t)
		}
		if e == '#' {
			w.See(t)
		}
		phases += string(letters[w.Check(r, t)])
	}
	return phases
}

func TestAbsenceScenarios(t *testing.T) {
	gone := func(wait, keep int) *Rule {
		return &Rule{Spec: Spec{Absent: &AbsentSpec{Metric: "m"}, For: time.Duration(wait) * time.Second, KeepFiringFor: time.Duration(keep) * time.Second}}
	}
	for _, c := range []struct {
		name       string
		rule       *Rule
		give, want string
	}{
		{"there", gone(3, 0), "########", "cccccccc"},
		{"gone and back", gone(3, 0), "##++++#", "ccccAAc"},
		{"never seen", gone(3, 0), "++++", "ccAA"},
		{"one of several is enough", gone(2, 0), "#+#+#", "ccccc"},
		{"at least twice the interval", gone(1, 0), "#..#..#......", "ccccccccccccA"},
		{"keep firing for two seconds", gone(2, 2), "##++###", "cccAAAc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := NewWatch(0)
			require.Equal(t, c.want, playWatch(c.rule, &w, c.give))
		})
	}
}

func TestAbsenceWaitsAMinuteWhileTheIntervalIsUnknown(t *testing.T) {
	r := &Rule{Spec: Spec{Absent: &AbsentSpec{Metric: "m"}, For: 15 * time.Second}}
	w := NewWatch(0)
	require.Equal(t, detect.Calm, w.Check(r, int64(59*time.Second)))
	require.Equal(t, detect.Alarm, w.Check(r, int64(60*time.Second)))
	require.Equal(t, time.Minute, w.Patience(r))
	w.Hear(int64(60 * time.Second))
	w.Hear(int64(65 * time.Second))
	require.Equal(t, 15*time.Second, w.Patience(r))
	w.Hear(int64(3600 * time.Second))
	require.Less(t, w.Patience(r), 30*time.Second, "one long pause teaches little")
}

func TestWatchSurvivesARestart(t *testing.T) {
	r := &Rule{Spec: Spec{Absent: &AbsentSpec{Metric: "m"}, For: 3 * time.Second}}
	w := NewWatch(0)
	require.Equal(t, "ccccA", playWatch(r, &w, "##+++"))
	b, err := w.AppendBinary(nil)
	require.NoError(t, err)
	require.Len(t, b, WatchSize)
	var again Watch
	require.NoError(t, again.UnmarshalBinary(b))
	now := int64(time.Hour)
	again.Resume(now)
	require.Equal(t, detect.Alarm, again.Check(r, now), "nobody saw it come back")
	require.Equal(t, 3*time.Second, again.Patience(r), "the interval is remembered")
	again.See(now + 1)
	require.Equal(t, detect.Calm, again.Check(r, now+1))

	calm := NewWatch(0)
	playWatch(r, &calm, "##")
	calm.Resume(now)
	require.Equal(t, detect.Calm, calm.Check(r, now+int64(2*time.Second)), "a restart grants the grace anew")
	require.Equal(t, detect.Alarm, calm.Check(r, now+int64(3*time.Second)))

	for _, bad := range [][]byte{nil, make([]byte, WatchSize-1), append(make([]byte, WatchSize-1), 9), append([]byte{7: 0xff}, make([]byte, StateSize)...)} {
		require.Error(t, again.UnmarshalBinary(bad))
	}
}

func TestExpectsAndConcerns(t *testing.T) {
	r := one(t, Spec{Name: "r", For: time.Second, Absent: &AbsentSpec{
		Metric: "process.memory.usage", Attributes: map[string]Pattern{"process.executable.name": "nginx*", "host.name": "web-*", "port": "80"},
	}})
	process := attrs{"process.executable.name": "nginx-debug", "host.name": "web-1"}
	require.True(t, r.Expects(attrs{"port": int64(80)}, process), "point and resource together, ints as text")
	require.False(t, r.Expects(attrs{"port": int64(81)}, process))
	require.False(t, r.Expects(nil, process))
	require.False(t, r.Expects(attrs{"port": "80"}, attrs{"process.executable.name": "redis", "host.name": "web-1"}))
	require.True(t, r.Concerns(attrs{"host.name": "web-2"}))
	require.True(t, r.Concerns(attrs{}))
	require.False(t, r.Concerns(attrs{"host.name": "db-1"}), "another host")
}
