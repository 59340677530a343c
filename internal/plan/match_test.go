// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
)

var seen = finding.Finding{
	Fault: "memory_leak", Rules: []string{"leak", "heap"}, Detectors: nil, Severity: finding.Critical, Metric: "process.memory.usage",
	Kind: finding.Trend, Direction: finding.Up, Start: time.Unix(5, 6),
	Resource: map[string]string{
		"host.name": "host1", "process.pid": "42", "process.executable.name": "java", "process.owner": "app",
		"top": "cpu", "systemd.unit": "sshd.service", "service": "x", "min_share": "0", "name": "n",
	},
	Attributes: map[string]string{"mountpoint": "/var/log", "state": "used"},
}

func TestMatchers(t *testing.T) {
	for text, want := range map[string]bool{
		`fault="memory_leak"`:                       true,
		`fault="leak"`:                              false,
		`fault=~"memory_.*"`:                        true,
		`fault=~"leak"`:                             false, // anchored, as in Alertmanager
		`rule="heap"`:                               true,
		`rule!="heap"`:                              false, // none of several may break it
		`rule!="cpu"`:                               true,
		`rule!~"h.*"`:                               false,
		`rule=~"x|heap"`:                            true,
		`detector=""`:                               true,
		`detector!=""`:                              false,
		`severity=~"critical|warning"`:              true,
		`metric="process.memory.usage"`:             true,
		`kind="trend"`:                              true,
		`direction="up"`:                            true,
		`resource.host.name!="db1"`:                 true,
		`resource.host.name="host1"`:                true,
		`attribute.state="used"`:                    true,
		`attribute.absent=""`:                       true,
		`fault="memory_leak", severity="info"`:      false,
		`{fault="memory_leak",severity="critical"}`: true,
	} {
		matchers, err := parseMatchers(text)
		require.NoError(t, err, text)
		require.Equal(t, want, Plan{Match: matchers}.Matches(seen), text)
	}
}

func TestTheFirstPlanThatMatchesAnswers(t *testing.T) {
	some, err := parseMatchers(`fault=~".+"`)
	require.NoError(t, err)
	none, err := parseMatchers(`fault="x"`)
	require.NoError(t, err)
	p, ok := Find([]Plan{{ID: "none", Match: none}, {ID: "first", Match: some}, {ID: "second", Match: some}}, seen)
	require.True(t, ok)
	require.Equal(t, "first", p.ID)
	_, ok = Find([]Plan{{ID: "none", Match: none}}, seen)
	require.False(t, ok)
}

func TestTargets(t *testing.T) {
	here := Host{Name: "here"}
	for _, c := range []struct {
		spec TargetSpec
		key  string
		attr map[string]string
	}{
		{TargetSpec{Kind: "systemd_unit", Unit: "nginx.service"}, "host1/nginx.service", map[string]string{"systemd.unit": "nginx.service", "host.name": "host1"}},
		{TargetSpec{Kind: "service", Name: "web"}, "host1/web", map[string]string{"service": "web", "host.name": "host1"}},
		{TargetSpec{Kind: "pool", Name: "web"}, "host1/web", map[string]string{"name": "web", "host.name": "host1"}},
		{TargetSpec{Kind: "filesystem", Mountpoint: "/x"}, "host1/x", map[string]string{"mountpoint": "/x", "host.name": "host1"}},
		{TargetSpec{Kind: "host"}, "host1", map[string]string{"host.name": "host1"}},
		{TargetSpec{Kind: "process", Top: "cpu", MinShare: 0.5}, "host1/top:cpu", map[string]string{"top": "cpu", "min_share": "0.5", "host.name": "host1"}},
		{TargetSpec{Kind: "filesystem", From: "evidence"}, "host1/var/log", nil},
		{TargetSpec{Kind: "process", From: "evidence"}, "host1/java/app", map[string]string{
			"host.name": "host1", "process.pid": "42", "process.executable.name": "java", "process.owner": "app", "process.start_time_unix_nano": "5000000006",
			"mountpoint": "/var/log", "state": "used",
		}},
	} {
		got, err := c.spec.Resolve(seen, here)
		require.NoError(t, err)
		require.Equal(t, c.spec.Kind, got.Kind)
		require.Equal(t, c.key, got.Key)
		if c.attr != nil {
			require.Equal(t, c.attr, got.Attr, "telemetry never selects")
		}
	}
	got, err := TargetSpec{Kind: "host"}.Resolve(finding.Finding{}, here)
	require.NoError(t, err)
	require.Equal(t, "here", got.Key)
	for _, spec := range []TargetSpec{{Kind: "process", From: "evidence"}, {Kind: "filesystem", From: "evidence"}, {Kind: "pool", From: "evidence"}} {
		_, err := spec.Resolve(finding.Finding{}, here)
		require.ErrorIs(t, err, ErrNoTarget)
	}
}

func TestARestartIsTheSameTargetAndAnotherIncarnation(t *testing.T) {
	spec := TargetSpec{Kind: "process", From: "evidence"}
	before, err := spec.Resolve(seen, Host{})
	require.NoError(t, err)
	again := seen
	again.Start = time.Unix(99, 0)
	again.Resource = map[string]string{"host.name": "host1", "process.pid": "43", "process.executable.name": "java", "process.owner": "app"}
	after, err := spec.Resolve(again, Host{})
	require.NoError(t, err)
	require.Equal(t, before.Key, after.Key)
	require.NotEqual(t, before.Attr[actuator.AttrPID], after.Attr[actuator.AttrPID])
}

func TestHostileNamesMakeHarmlessKeys(t *testing.T) {
	f := seen
	f.Resource = map[string]string{"host.name": "a/../b", "process.pid": "1", "process.executable.name": "x\x1b[2J\n\x00/../\xff", "process.owner": strings.Repeat("é", 1000)}
	got, err := TargetSpec{Kind: "process", From: "evidence"}.Resolve(f, Host{})
	require.NoError(t, err)
	require.Regexp(t, `^a_\.\._b/x_\[2J___\.\.__/é+$`, got.Key)
	require.Less(t, len(got.Key), 300)
	require.Equal(t, actuator.KindProcess, Unplanned(seen, Host{}).Kind)
	require.Equal(t, actuator.KindHost, Unplanned(finding.Finding{}, Host{Name: "h"}).Kind)
}
