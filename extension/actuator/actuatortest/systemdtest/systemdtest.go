// SPDX-License-Identifier: Apache-2.0

// Package systemdtest boots a real systemd for a test, in process, mount and
// control group namespaces of its own. Nothing of the host's is touched: what
// systemd writes to is covered by private file systems first, among them
// /sys/fs/cgroup, which it would leave read-only otherwise, and it is started
// into a target that pulls in none of the services that set up a machine.
package systemdtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	binary = "/lib/systemd/systemd"
	proxy  = "/lib/systemd/systemd-socket-proxyd"
	patrol = 10 * time.Millisecond
	// bootTime is generous: the machine may be busy with other tests.
	bootTime = 60 * time.Second
)

// setup runs in the new namespaces and becomes systemd. The directory that
// holds units and files of the test is $1.
const setup = `set -e
mount --make-rprivate /
mount --bind "$1" /mnt
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for d in /tmp /run /var/tmp /var/log /var/lib/systemd; do mount -t tmpfs tmpfs "$d"; done
mkdir -p /run/systemd/system
mount --bind /mnt/units /run/systemd/system
exec env -i container=homeostat PATH=/usr/sbin:/usr/bin:/sbin:/bin ` + binary + ` --system --unit=homeostat-test.target --log-target=console --log-level=info --show-status=no
`

// target keeps systemd running and wants nothing.
const target = "[Unit]\nDescription=Nothing but the manager\nDefaultDependencies=no\nAllowIsolate=yes\n" +
	"Wants=homeostat-bus.socket\nAfter=homeostat-bus.socket\n"

// systemd answers on its private socket only whom it can see in its own
// process namespace, so a proxy of its own passes the test's connections on.
const (
	proxySocket  = "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/mnt/private\n"
	proxyService = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=" + proxy + " /run/systemd/private\n"
)

// Systemd is a manager that runs until the test ends.
type Systemd struct {
	t    testing.TB
	dir  string // the test's directory, /mnt inside
	pid  int    // of the manager, outside
	logs *bytes.Buffer
}

// Boot starts a manager and waits until it answers. It skips the test, naming
// the reason, without root, systemd, unshare or nsenter.
func Boot(t testing.TB) *Systemd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: to boot systemd in namespaces of its own")
	}
	for _, tool := range []string{binary, proxy, "unshare", "nsenter", "systemctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: install the packages systemd and util-linux", tool)
		}
	}
	s := &Systemd{t: t, dir: t.TempDir(), logs: &bytes.Buffer{}}
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "units"), 0o755))
	s.write("homeostat-test.target", target)
	s.write("homeostat-bus.socket", proxySocket)
	s.write("homeostat-bus.service", proxyService)

	cmd := exec.Command("unshare", "--fork", "--pid", "--mount", "--cgroup", "--ipc", "--uts", "--mount-proc", "--kill-child", "sh", "-c", setup, "sh", s.dir)
	cmd.Stdout, cmd.Stderr = s.logs, s.logs
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		if s.pid != 0 {
			_ = unix.Kill(s.pid, unix.SIGKILL) // the first process takes the whole namespace with it
		}
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("systemd said:\n%s", s.logs)
		}
	})
	require.Eventually(t, func() bool {
		if s.pid == 0 {
			s.pid = childOf(cmd.Process.Pid)
		}
		if s.pid == 0 {
			return false
		}
		out, err := s.run("systemctl", "is-active", "homeostat-test.target")
		return err == nil && strings.TrimSpace(out) == "active"
	}, bootTime, 5*patrol, "systemd does not answer")
	return s
}

// childOf returns the only child of a process once it is systemd, or 0.
func childOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
	if err != nil || strings.TrimSpace(string(name)) != "systemd" {
		return 0
	}
	return child
}

// Address is the D-Bus address of the manager's private socket, as it can be
// reached from the test.
func (s *Systemd) Address() string {
	return "unix:path=" + filepath.Join(s.dir, "private")
}

// PID is the manager's process id, as the test sees it.
func (s *Systemd) PID() int { return s.pid }

// Dir is a directory that the test and the manager's services share; the
// services see it as /mnt.
func (s *Systemd) Dir() string { return s.dir }

// Unit installs a unit file and makes the manager read it.
func (s *Systemd) Unit(name, content string) {
	s.t.Helper()
	s.write(name, content)
	s.Ctl("daemon-reload")
}

// Service installs a service without the default dependencies, which would
// pull in the set-up of a whole machine.
func (s *Systemd) Service(name, unit, service string) {
	s.t.Helper()
	s.Unit(name, "[Unit]\nDefaultDependencies=no\n"+unit+"\n[Service]\n"+service+"\n")
}

func (s *Systemd) write(name, content string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "units", name), []byte(content), 0o644))
}

// Ctl runs systemctl, which must succeed, and returns what it printed.
func (s *Systemd) Ctl(args ...string) string {
	s.t.Helper()
	out, err := s.run("systemctl", args...)
	require.NoError(s.t, err, "systemctl %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(out)
}

// Try runs systemctl and leaves it to the test what a failure means.
func (s *Systemd) Try(args ...string) (string, error) { return s.run("systemctl", args...) }

// Show returns one property of a unit.
func (s *Systemd) Show(unit, property string) string {
	s.t.Helper()
	return s.Ctl("show", "--value", "--property="+property, "--", unit)
}

// Await waits until a property of a unit has a value.
func (s *Systemd) Await(unit, property, value string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.Show(unit, property) == value }, bootTime, patrol,
		"%s of %s does not become %s", property, unit, value)
}

// KillMain sends KILL to the main process of a unit.
func (s *Systemd) KillMain(unit string) {
	s.t.Helper()
	s.Ctl("kill", "--kill-who=main", "--signal=KILL", unit)
}

func (s *Systemd) run(name string, args ...string) (string, error) {
	inside := append([]string{"--target", strconv.Itoa(s.pid), "--mount", "--pid", name}, args...)
	cmd := exec.Command("nsenter", inside...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=cat"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
