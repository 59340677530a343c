// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

const soon = 10 * time.Second

// started returns the actuator as the collector would run it.
func started(t testing.TB, change func(cfg *Config)) *processExtension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.SampleWindow = minSampleWindow
	cfg.StateDirectory = filepath.Join(t.TempDir(), "state")
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(t.Context())) })
	return ext.(*processExtension)
}

var programs atomic.Int64

// program copies a program under a name that nobody else on the host has, so
// that a test finds its own processes and no others.
func program(t testing.TB, original string) string {
	t.Helper()
	path, err := exec.LookPath(original)
	require.NoError(t, err)
	from, err := os.Open(path)
	require.NoError(t, err)
	defer from.Close()
	name := filepath.Join(t.TempDir(), fmt.Sprintf("hs%d-%d", os.Getpid(), programs.Add(1)))
	to, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	require.NoError(t, os.Chmod(filepath.Dir(name), 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(name)), 0o755))
	return name
}

// child is a process of the test.
type child struct {
	*exec.Cmd
	gone chan struct{}
}

func spawnChild(t testing.TB, change func(*exec.Cmd), name string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(name, args...), gone: make(chan struct{})}
	if change != nil {
		change(c.Cmd)
	}
	require.NoError(t, c.Start())
	go func() { _ = c.Wait(); close(c.gone) }()
	t.Cleanup(c.kill)
	return c
}

func sleeper(t testing.TB) *child { return spawnChild(t, nil, program(t, "sleep"), "300") }

func (c *child) kill() {
	_ = c.Process.Kill()
	<-c.gone
}

func (c *child) pid() int { return c.Process.Pid }

func (c *child) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		stat, err := procfs.ReadStat(c.pid())
		return err == nil && !stat.Dead()
	}
}

func processTarget(attr ...string) actuator.Target {
	t := actuator.Target{Kind: actuator.KindProcess, Key: "host/test", Attr: map[string]string{}}
	for i := 0; i < len(attr); i += 2 {
		t.Attr[attr[i]] = attr[i+1]
	}
	return t
}

func (c *child) target() actuator.Target {
	return processTarget(actuator.AttrPID, strconv.Itoa(c.pid()), actuator.AttrExecutable, filepath.Base(c.Path))
}

// planned asks for a plan that must succeed and returns the request for it.
func planned(t testing.TB, e *processExtension, verb string, target actuator.Target, params actuator.Params) (actuator.Request, actuator.Preview) {
	t.Helper()
	req := actuator.Request{Operation: "op-" + t.Name(), Verb: verb, Target: target, Params: params}
	preview, err := e.Plan(t.Context(), req)
	require.NoError(t, err)
	req.Identity = preview.Identity
	return req, preview
}

// settled reads until nothing changes any more.
func settled(t testing.TB, read func() string) string {
	t.Helper()
	last, same := read(), 0
	require.Eventually(t, func() bool {
		now := read()
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		return same >= 5
	}, soon, 3*time.Millisecond)
	return last
}

// running lists the living processes that run a program, with what the verbs
// could change about them.
func running(program string) string {
	out := ""
	pids, _ := procfs.List()
	for _, pid := range pids {
		if exe, err := procfs.Executable(pid); err != nil || exe != program {
			continue
		}
		stat, err := procfs.ReadStat(pid)
		if err != nil || stat.Dead() {
			continue
		}
		state := "alive"
		if stat.State == 'T' {
			state = "stopped"
		}
		out += fmt.Sprintf("%d started %d nice %d %s\n", pid, stat.Start, stat.Nice, state)
	}
	return out
}

func needRoot(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: " + why)
	}
}

func asUser(uid uint32) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
}

func setNice(t testing.TB, pid, nice int) {
	t.Helper()
	require.NoError(t, unix.Setpriority(unix.PRIO_PROCESS, pid, nice))
}

// killAll ends every process that runs a program of this test.
func killAll(t testing.TB, program string) {
	t.Helper()
	require.Eventually(t, func() bool {
		left := false
		pids, _ := procfs.List()
		for _, pid := range pids {
			h, err := open(pid)
			if err != nil {
				continue
			}
			if exe, err := procfs.Executable(pid); err == nil && exe == program {
				left = true
				_ = h.signal(unix.SIGKILL)
			}
			h.close()
		}
		return !left
	}, soon, 2*time.Millisecond)
}

type execCmd = exec.Cmd

// waiting is an input on which nothing ever arrives.
func waiting(t testing.TB) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	return r
}

// asNobody calls f on a thread without rights over the processes of others.
// The thread is thrown away afterwards.
func asNobody(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534)
		if errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		f()
	}()
	<-done
}

func env(name string) string { return os.Getenv(name) }
