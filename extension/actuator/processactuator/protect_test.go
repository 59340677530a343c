// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// Each rule of the protected set, and its neighbour that is not protected.
func TestProtectedBy(t *testing.T) {
	ordinary := procfs.Stat{PID: 4242, Parent: 77, Session: 4200}
	kernel := ordinary
	kernel.Flags = 0x00200000
	leader := procfs.Stat{PID: 4242, Parent: 77, Session: 4242, TTY: 34816}
	tests := []struct {
		name string
		w    witness
		want string
	}{
		{"pid 1", witness{stat: procfs.Stat{PID: 1}, name: "anything"}, "it is the first process"},
		{"kernel thread", witness{stat: kernel, name: "kswapd0"}, "it is a kernel thread"},
		{"kthreadd", witness{stat: procfs.Stat{PID: 2}}, "it is a kernel thread"},
		{"child of kthreadd", witness{stat: procfs.Stat{PID: 90, Parent: 2}}, "it is a kernel thread"},
		{"collector", witness{stat: ordinary, lineage: true}, "it is the collector or one of its ancestors"},
		{"user manager", witness{stat: ordinary, name: "systemd"}, "it belongs to the service manager"},
		{"logind", witness{stat: ordinary, name: "systemd-logind"}, "it belongs to the service manager"},
		{"journald", witness{stat: ordinary, name: "systemd-journald"}, "it belongs to the service manager"},
		{"session helper", witness{stat: ordinary, name: "(sd-pam)"}, "it belongs to the service manager"},
		{"container init", witness{stat: ordinary, name: "tini"}, "it belongs to the service manager"},
		{"dbus-daemon", witness{stat: ordinary, name: "dbus-daemon"}, "it is the message bus"},
		{"dbus-broker", witness{stat: ordinary, name: "dbus-broker-launch"}, "it is the message bus"},
		{"sshd", witness{stat: ordinary, name: "sshd"}, "it lets people in"},
		{"sshd session", witness{stat: ordinary, name: "sshd-session"}, "it lets people in"},
		{"login", witness{stat: ordinary, name: "login"}, "it lets people in"},
		{"login shell", witness{stat: leader, name: "bash", ancestors: []string{"sshd", "sshd", "systemd"}}, "it is the login session of somebody"},
		{"command over ssh", witness{stat: ordinary, name: "bash", ancestors: []string{"sshd-session", "sshd"}}, "it is the login session of somebody"},
		{"console shell", witness{stat: ordinary, name: "bash", ancestors: []string{"login"}}, "it is the login session of somebody"},
		{"shell behind sudo", witness{stat: leader, name: "bash", ancestors: []string{"sudo", "bash", "sshd"}}, "it is the login session of somebody"},
		{"job in a login session", witness{stat: ordinary, name: "stress-ng", ancestors: []string{"bash", "sshd"}}, ""},
		{"terminal without a door", witness{stat: leader, name: "bash", ancestors: []string{"tmux", "systemd"}}, ""},
		{"containerd", witness{stat: ordinary, name: "containerd"}, "it runs containers"},
		{"shim", witness{stat: ordinary, name: "containerd-shim-runc-v2"}, "it runs containers"},
		{"dockerd", witness{stat: ordinary, name: "dockerd"}, "it runs containers"},
		{"conmon", witness{stat: ordinary, name: "conmon"}, "it runs containers"},
		{"crio", witness{stat: ordinary, name: "crio"}, "it runs containers"},
		{"kubelet", witness{stat: ordinary, name: "kubelet"}, "it runs the cluster"},
		{"etcd", witness{stat: ordinary, name: "etcd"}, "it runs the cluster"},
		{"kube-apiserver", witness{stat: ordinary, name: "kube-apiserver"}, "it runs the cluster"},
		{"rsyslogd", witness{stat: ordinary, name: "rsyslogd"}, "it keeps the logs"},
		{"auditd", witness{stat: ordinary, name: "auditd"}, "it keeps the logs"},
		{"configured", witness{stat: ordinary, name: "postgres", extra: []string{"post*"}}, "the configuration protects it"},
		{"not configured", witness{stat: ordinary, name: "mysqld", extra: []string{"post*"}}, ""},
		{"ordinary", witness{stat: ordinary, name: "stress-ng"}, ""},
		{"similar name", witness{stat: ordinary, name: "mysshd"}, ""},
	}
	reasons := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, protectedBy(tt.w)) })
		reasons[tt.want] = true
	}
	for _, rule := range protections {
		require.True(t, reasons[rule.reason], "no test for the rule: %s", rule.reason)
	}
}

// The built-in set cannot be emptied by configuration.
func TestProtectedOnThisHost(t *testing.T) {
	e := started(t, func(cfg *Config) { cfg.Protected = []string{} })
	targets := map[string]int{"first process": 1, "collector": os.Getpid(), "its parent": os.Getppid()}
	if stat, err := procfs.ReadStat(2); err == nil && stat.KernelThread() {
		targets["kernel thread"] = 2
	}
	for name, pid := range targets {
		t.Run(name, func(t *testing.T) {
			target := processTarget(actuator.AttrPID, strconv.Itoa(pid))
			for _, verb := range []string{verbRenice, verbSignal} {
				_, err := e.Plan(t.Context(), actuator.Request{Verb: verb, Target: target})
				require.ErrorIs(t, err, actuator.ErrProtected, verb)

				p, err := look(pid)
				require.NoError(t, err)
				req := actuator.Request{Operation: "op-" + verb, Verb: verb, Target: target, Identity: p.identity()}
				result, err := e.Execute(t.Context(), req)
				require.ErrorIs(t, err, actuator.ErrProtected, verb)
				require.Equal(t, actuator.Refused, result.Outcome)
			}
			_, err := e.Plan(t.Context(), actuator.Request{Verb: verbExplain, Target: target})
			require.NoError(t, err, "looking is allowed")
		})
	}
}

func TestProtectedByConfigurationOnThisHost(t *testing.T) {
	c := sleeper(t)
	open := started(t, nil)
	closed := started(t, func(cfg *Config) { cfg.Protected = []string{"hs" + strconv.Itoa(os.Getpid()) + "-*"} })
	req, _ := planned(t, open, verbSignal, c.target(), nil)
	_, err := closed.Plan(t.Context(), req)
	require.ErrorIs(t, err, actuator.ErrProtected)
	result, err := closed.Execute(t.Context(), req)
	require.ErrorIs(t, err, actuator.ErrProtected)
	require.Equal(t, actuator.Refused, result.Outcome)
	require.True(t, c.alive())
}
