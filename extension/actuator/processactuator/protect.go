// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// witness is all that the protection rules look at.
type witness struct {
	stat      procfs.Stat
	name      string   // of the program
	ancestors []string // names of the programs of its ancestors, parent first
	lineage   bool     // it is the collector, or one of the collector's ancestors
	extra     []string // globs of the configuration
}

// protection is one rule; the first that applies gives the reason.
type protection struct {
	reason  string
	applies func(w witness) bool
}

// protections cannot be switched off: whoever loses one of these loses the
// host, the way into it, or the collector that would have to repair it.
var protections = []protection{
	{"it is the first process", func(w witness) bool { return w.stat.PID == 1 }},
	{"it is a kernel thread", func(w witness) bool { return w.stat.KernelThread() || w.stat.PID == 2 || w.stat.Parent == 2 }},
	{"it is the collector or one of its ancestors", func(w witness) bool { return w.lineage }},
	{"it belongs to the service manager", func(w witness) bool {
		return w.named("systemd", "systemd-*", "(sd-pam)", "init", "openrc*", "runit", "runsvdir", "s6-svscan", "supervisord", "launchd", "tini", "dumb-init", "catatonit")
	}},
	{"it is the message bus", func(w witness) bool { return w.named("dbus-daemon", "dbus-broker*") }},
	{"it lets people in", func(w witness) bool { return w.named(doors...) }},
	{"it is the login session of somebody", func(w witness) bool { return w.session() }},
	{"it runs containers", func(w witness) bool {
		return w.named("dockerd", "docker-proxy", "docker-init", "containerd*", "runc", "crun", "youki", "podman", "conmon*", "crio", "cri-dockerd", "lxc-*", "lxcfs", "lxd", "incusd")
	}},
	{"it runs the cluster", func(w witness) bool {
		return w.named("kubelet", "etcd", "kube-*", "k3s*", "rke2*", "k0s", "microk8s*", "nomad", "consul")
	}},
	{"it keeps the logs", func(w witness) bool { return w.named("rsyslogd", "syslog-ng", "auditd", "journald") }},
	{"the configuration protects it", func(w witness) bool { return w.named(w.extra...) }},
}

var doors = []string{"sshd", "sshd-*", "dropbear", "login", "agetty", "getty", "mingetty", "gdm*", "sddm", "lightdm"}

// protectedBy returns why a process may not be touched, or "".
func protectedBy(w witness) string {
	for _, p := range protections {
		if p.applies(w) {
			return p.reason
		}
	}
	return ""
}

func (w witness) named(globs ...string) bool { return matches(w.name, globs) }

// session reports whether it holds somebody's login open: the first process
// below a door, or the leader of a terminal session that came through one.
// What a person runs in that session is not protected.
func (w witness) session() bool {
	if len(w.ancestors) > 0 && matches(w.ancestors[0], doors) {
		return true
	}
	leads := w.stat.TTY != 0 && w.stat.Session == w.stat.PID
	return leads && slices.ContainsFunc(w.ancestors, func(name string) bool { return matches(name, doors) })
}

func matches(name string, globs []string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return err == nil && ok
	})
}

// protected looks at everything a rule wants to know about a process.
func (e *processExtension) protected(p subject) string {
	w := witness{stat: p.stat, name: p.name(), extra: e.cfg.Protected}
	for _, ancestor := range ancestry(p.stat.PID)[1:] {
		w.ancestors = append(w.ancestors, programName(ancestor))
	}
	for _, mine := range ancestry(os.Getpid()) {
		w.lineage = w.lineage || mine == p.stat.PID
	}
	return protectedBy(w)
}

// deepest bounds the walk to the first process.
const deepest = 64

// ancestry returns pid, its parent, and so on as far as they can be read.
func ancestry(pid int) []int {
	line := []int{pid}
	for len(line) < deepest {
		stat, err := procfs.ReadStat(line[len(line)-1])
		if err != nil || stat.Parent < 1 || slices.Contains(line, stat.Parent) {
			break
		}
		line = append(line, stat.Parent)
	}
	return line
}

// programName is the name that protection goes by, or "" for one that is gone.
func programName(pid int) string {
	if name, err := procfs.Executable(pid); err == nil {
		return path.Base(name)
	}
	stat, err := procfs.ReadStat(pid)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(stat.Comm)
}
