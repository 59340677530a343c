// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

func TestUnitOf(t *testing.T) {
	for _, good := range []string{"nginx.service", `dev-disk-by\x2duuid.device`, "getty@tty1.service", "a:b_c-d.e.timer", strings.Repeat("a", 247) + ".service"} {
		got, err := unitOf(unitTarget(good))
		require.NoError(t, err, good)
		require.Equal(t, good, got)
	}
	for _, bad := range []string{"", "nginx", "nginx.conf", ".service", "@.service", "getty@.service", "a b.service", "a/b.service", "a;b.service", "a\n.service", "é.service", strings.Repeat("a", 248) + ".service"} {
		_, err := unitOf(unitTarget(bad))
		require.ErrorIs(t, err, actuator.ErrParams, "%q", bad)
	}
}

func FuzzUnitOf(f *testing.F) {
	for _, seed := range []string{"nginx.service", "a;rm -rf /.service", "$(reboot)", "a\nb.service", "nul\x00.service", "getty@.service"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := unitOf(unitTarget(name))
		if err != nil {
			require.ErrorIs(t, err, actuator.ErrParams)
			require.Equal(t, err.Error(), actuator.Clean(err.Error(), 1024))
			return
		}
		require.Equal(t, name, got)
		require.LessOrEqual(t, len(name), longestName)
		require.Empty(t, strings.Trim(name, `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\@-`))
	})
}

// Each built-in rule, and names that only look alike.
func TestProtected(t *testing.T) {
	e := &systemdExtension{cfg: &Config{Units: []string{"*"}}}
	examples := map[string]string{
		"init.scope": "init.scope", "*.slice": "app.slice", "session-*.scope": "session-3.scope", "user@*.service": "user@1000.service",
		"user-runtime-dir@*.service": "user-runtime-dir@0.service", "systemd-*": "systemd-journald.service", "ssh@*.service": "ssh@1.service",
		"sshd@*.service": "sshd@1.service", "getty@*.service": "getty@tty1.service", "serial-getty@*.service": "serial-getty@ttyS0.service",
		"k3s*.service": "k3s-agent.service", "rke2*.service": "rke2-server.service", "kube-*.service": "kube-proxy.service", "rescue.*": "rescue.target",
		"emergency.*": "emergency.service", "*.mount": "home.mount", "*.swap": "dev-sda2.swap", "*.device": "dev-sda.device", "*.automount": "home.automount",
	}
	for _, glob := range protected {
		name := glob
		if strings.Contains(glob, "*") {
			name = examples[glob]
			require.NotEmpty(t, name, "no example for the rule %s", glob)
		}
		require.ErrorIs(t, e.allowed([]string{name}, ""), actuator.ErrProtected, "%s", name)
		require.ErrorIs(t, e.allowed([]string{"app.service", name}, ""), actuator.ErrProtected, "an alias of %s", name)
	}
	for _, name := range []string{"nginx.service", "mysshd.service", "app-systemd-x.service", "session.service", "etcd-backup.timer"} {
		require.NoError(t, e.allowed([]string{name}, "homeostat.service"), name)
	}
	require.ErrorContains(t, e.allowed([]string{"homeostat.service"}, "homeostat.service"), "is the collector's own unit")
}

func TestOwnUnit(t *testing.T) {
	tests := []struct{ cgroups, want string }{
		{"0::/system.slice/homeostat.service\n", "homeostat.service"},
		{"12:cpu:/x.service\n1:name=systemd:/system.slice/homeostat.service\n0::/\n", "homeostat.service"},
		{"0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"},
		{"0::/system.slice/homeostat.service/sub\n", "homeostat.service"},
		{"0::/\n", ""},
		{"", ""},
		{"garbage", ""},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, ownUnit(tt.cgroups), "%q", tt.cgroups)
	}
}

func FuzzOwnUnit(f *testing.F) {
	f.Add("12:cpu:/x.service\n1:name=systemd:/system.slice/homeostat.service\n0::/\n")
	f.Fuzz(func(t *testing.T, text string) {
		own := ownUnit(text)
		require.True(t, own == "" || strings.HasSuffix(own, ".service") || strings.HasSuffix(own, ".scope"))
		require.NotContains(t, own, "/")
	})
}

// What systemd says is read without trust in its types.
func TestReadUnit(t *testing.T) {
	u := readUnit("a.service", map[string]any{
		"Names": []string{"a.service", "b.service"}, "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
		"InvocationID": []byte{0xab, 0xcd}, "Job": []any{uint32(7), "/job/7"}, "CanStart": true, "CanReload": true,
	})
	require.Equal(t, "abcd", u.invocation)
	require.Equal(t, uint32(7), u.job)
	require.True(t, u.canStart && u.canReload)
	require.Equal(t, []string{"a.service", "b.service"}, u.names)

	empty := readUnit("a.service", map[string]any{"ActiveState": 7, "InvocationID": []byte{}, "Job": "x", "Names": 1})
	require.Equal(t, noInvocation, empty.invocation)
	require.Equal(t, []string{"a.service"}, empty.names)
	require.Equal(t, "unknown", empty.class())
	require.NotNil(t, empty.unusable(), "an unknown unit is not usable")
}

func TestBusy(t *testing.T) {
	tests := []struct {
		u    unit
		busy bool
	}{
		{unit{active: "active", sub: "running"}, false},
		{unit{active: "failed", sub: "failed"}, false},
		{unit{active: "inactive", sub: "dead"}, false},
		{unit{active: "inactive", sub: "dead", job: 3}, true},
		{unit{active: "activating", sub: "auto-restart"}, true},
		{unit{active: "activating", sub: "start-pre"}, true},
		{unit{active: "deactivating", sub: "stop-sigterm"}, true},
		{unit{active: "reloading", sub: "reload"}, true},
	}
	for _, tt := range tests {
		blocker := tt.u.busy()
		require.Equal(t, tt.busy, blocker != nil, "%+v", tt.u)
		if blocker != nil {
			require.Equal(t, actuator.BlockerOwnerBusy, blocker.Code)
		}
	}
}

func TestProbed(t *testing.T) {
	planned := actuator.Identity{idBoot: "b", idUnit: "a.service", idInvocation: "1", idState: "stopped"}
	base := unit{name: "a.service", boot: "b", invocation: "1", active: "failed"}
	with := func(change func(u *unit)) unit { u := base; change(&u); return u }
	tests := []struct {
		name string
		u    unit
		id   actuator.Identity
		want actuator.Outcome
	}{
		{"as it was", base, planned, actuator.NotApplied},
		{"another invocation", with(func(u *unit) { u.invocation = "2" }), planned, actuator.Applied},
		{"a job is queued", with(func(u *unit) { u.job = 4 }), planned, actuator.Unknown},
		{"another state", with(func(u *unit) { u.active = "active" }), planned, actuator.Unknown},
		{"another boot", with(func(u *unit) { u.boot = "c"; u.invocation = "2" }), planned, actuator.Unknown},
		{"another unit", with(func(u *unit) { u.name = "b.service" }), planned, actuator.Unknown},
		{"no identity", base, nil, actuator.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, probed(tt.u, tt.id)) })
	}
}

func TestOutcomeOf(t *testing.T) {
	before := unit{invocation: "1", active: "failed"}
	reload, start := jobVerb{spec: specReload}, jobVerb{spec: specStart}
	tests := []struct {
		name   string
		verb   jobVerb
		result string
		now    unit
		want   actuator.Outcome
	}{
		{"started", start, "done", unit{invocation: "2", active: "active"}, actuator.Applied},
		{"started and failed", start, "failed", unit{invocation: "2", active: "failed"}, actuator.Applied},
		{"start limit", start, "failed", unit{invocation: "1", active: "failed"}, actuator.NotApplied},
		{"dependency failed", start, "dependency", unit{invocation: "1", active: "failed"}, actuator.NotApplied},
		{"without invocations", start, "done", unit{invocation: "1", active: "active"}, actuator.Unknown},
		{"reloaded", reload, "done", unit{invocation: "1", active: "active"}, actuator.Applied},
		{"reload failed", reload, "failed", unit{invocation: "1", active: "active"}, actuator.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, outcomeOf(finishedJob{verb: tt.verb, before: before, result: tt.result}, tt.now))
		})
	}
	target := unit{invocation: noInvocation, active: "active"}
	require.Equal(t, actuator.Applied, outcomeOf(finishedJob{verb: jobVerb{spec: specRestart}, before: target, result: "done"}, target),
		"a unit without invocations, restarted")
}
