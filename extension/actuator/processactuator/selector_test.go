// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

func TestParseSelector(t *testing.T) {
	got, err := parseSelector(processTarget(
		actuator.AttrPID, "42", actuator.AttrStart, "1700000000000000000", actuator.AttrExecutable, "nginx", actuator.AttrOwner, "www-data",
		actuator.AttrTop, "memory", actuator.AttrMinimumShare, "0.25", "host.name", "ignored"))
	require.NoError(t, err)
	require.Equal(t, selector{
		pid: 42, started: time.Unix(1700000000, 0), executable: "nginx", owner: "www-data", top: "memory", share: 0.25,
	}, got)
	got, err = parseSelector(processTarget(actuator.AttrTop, "cpu", actuator.AttrStart, "0"))
	require.NoError(t, err)
	require.Equal(t, selector{top: "cpu", share: 0.5}, got)

	for key, values := range map[string][]string{
		actuator.AttrPID:          {"0", "-1", "x", "1.5", "4294967297", "1\x00"},
		actuator.AttrStart:        {"-1", "now", "99999999999999999999"},
		actuator.AttrTop:          {"io", "CPU", "$(reboot)"},
		actuator.AttrMinimumShare: {"0", "-1", "1.5", "NaN", "+Inf", "half"},
	} {
		for _, value := range values {
			target := processTarget(actuator.AttrPID, "42", actuator.AttrTop, "cpu")
			target.Attr[key] = value
			_, err := parseSelector(target)
			require.ErrorIs(t, err, actuator.ErrParams, "%s=%q", key, value)
			require.ErrorContains(t, err, key)
		}
	}
	for _, target := range []actuator.Target{processTarget(), processTarget(actuator.AttrOwner, "root"), processTarget(actuator.AttrPID, "1", actuator.AttrMinimumShare, "0.5")} {
		_, err := parseSelector(target)
		require.ErrorIs(t, err, actuator.ErrParams)
	}
}

func FuzzParseSelector(f *testing.F) {
	f.Add("42", "1700000000000000000", "cpu", "0.5")
	f.Add("", "", "", "")
	f.Add("-1", "x", "io", "NaN")
	f.Fuzz(func(t *testing.T, pid, start, top, share string) {
		s, err := parseSelector(processTarget(actuator.AttrPID, pid, actuator.AttrStart, start, actuator.AttrTop, top, actuator.AttrMinimumShare, share))
		if err != nil {
			require.ErrorIs(t, err, actuator.ErrParams)
			return
		}
		require.GreaterOrEqual(t, s.pid, 0)
		require.True(t, s.share > 0 && s.share <= 1)
		require.True(t, s.pid > 0 || s.top != "")
	})
}

// Everything a finding says about a process must hold for the one found.
func TestResolveChecksWhatIsKnown(t *testing.T) {
	e, c := started(t, nil), sleeper(t)
	host, err := procfs.ReadHost()
	require.NoError(t, err)
	p, err := look(c.pid())
	require.NoError(t, err)
	began := p.started(host.Boot)
	nanos := func(at time.Time) string { return strconv.FormatInt(at.UnixNano(), 10) }
	tests := []struct {
		name  string
		attr  []string
		want  error
		cause string
	}{
		{"id alone", nil, nil, ""},
		{"program", []string{actuator.AttrExecutable, filepath.Base(c.Path)}, nil, ""},
		{"path of the program", []string{actuator.AttrExecutable, c.Path}, nil, ""},
		{"owner by name", []string{actuator.AttrOwner, p.owner()}, nil, ""},
		{"owner by number", []string{actuator.AttrOwner, strconv.Itoa(p.uid)}, nil, ""},
		{"start", []string{actuator.AttrStart, nanos(began)}, nil, ""},
		{"start within tolerance", []string{actuator.AttrStart, nanos(began.Add(1900 * time.Millisecond))}, nil, ""},
		{"start not given", []string{actuator.AttrStart, "0"}, nil, ""},
		{"start too late", []string{actuator.AttrStart, nanos(began.Add(2100 * time.Millisecond))}, actuator.ErrNotFound, "was started at"},
		{"start too early", []string{actuator.AttrStart, nanos(began.Add(-2100 * time.Millisecond))}, actuator.ErrNotFound, "was started at"},
		{"other program", []string{actuator.AttrExecutable, "nginx"}, actuator.ErrNotFound, `does not run "nginx"`},
		{"other owner", []string{actuator.AttrOwner, "nobody-at-all"}, actuator.ErrNotFound, `does not belong to "nobody-at-all"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := processTarget(append([]string{actuator.AttrPID, strconv.Itoa(c.pid())}, tt.attr...)...)
			_, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: target})
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.cause)

			req := actuator.Request{Operation: "op", Verb: verbSignal, Target: target, Identity: p.identity()}
			result, err := e.Execute(t.Context(), req)
			require.ErrorIs(t, err, actuator.ErrIdentityChanged)
			require.Equal(t, actuator.Refused, result.Outcome)
		})
	}
	require.True(t, c.alive())
}

func TestResolveByName(t *testing.T) {
	e, name := started(t, nil), program(t, "sleep")
	target := processTarget(actuator.AttrExecutable, filepath.Base(name))
	_, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: target})
	require.ErrorIs(t, err, actuator.ErrNotFound)

	first := spawnChild(t, nil, name, "300")
	_, preview := planned(t, e, verbExplain, target, nil)
	require.Equal(t, strconv.Itoa(first.pid()), preview.Identity[idPID])

	second := spawnChild(t, nil, name, "300")
	_, err = e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: target})
	require.ErrorIs(t, err, actuator.ErrAmbiguous)
	require.ErrorContains(t, err, "2 processes match")

	second.kill()
	_, preview = planned(t, e, verbExplain, target, nil)
	require.Equal(t, strconv.Itoa(first.pid()), preview.Identity[idPID])
}

func TestOwnerTellsProcessesApart(t *testing.T) {
	needRoot(t, "to run a process as another user")
	e, name := started(t, nil), program(t, "sleep")
	spawnChild(t, nil, name, "300")
	other := spawnChild(t, asUser(65534), name, "300")
	_, preview := planned(t, e, verbSignal, processTarget(actuator.AttrExecutable, filepath.Base(name), actuator.AttrOwner, "65534"), nil)
	require.Equal(t, strconv.Itoa(other.pid()), preview.Identity[idPID])
}

// A process that has ended but was not collected is nobody to act on.
func TestZombieIsNotATarget(t *testing.T) {
	e := started(t, nil)
	c := sleeper(t)
	zombie := spawnChild(t, nil, "/bin/sh", "-c", `sleep 0 & echo; exec sleep 300`)
	var pid int
	require.Eventually(t, func() bool {
		// Until it is replaced by sleep, the shell still collects its children.
		if parent, err := procfs.ReadStat(zombie.pid()); err != nil || parent.Comm != "sleep" {
			return false
		}
		all, err := procfs.List()
		require.NoError(t, err)
		for _, candidate := range all {
			if stat, err := procfs.ReadStat(candidate); err == nil && stat.Parent == zombie.pid() && stat.Dead() {
				pid = candidate
			}
		}
		return pid != 0
	}, soon, 5*time.Millisecond)
	_, err := e.Plan(t.Context(), actuator.Request{Verb: verbSignal, Target: processTarget(actuator.AttrPID, strconv.Itoa(pid))})
	require.ErrorIs(t, err, actuator.ErrNotFound)
	require.ErrorContains(t, err, "waits to be collected")
	require.True(t, c.alive())
}
