// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long the helpers of this package wait for something that
// should happen at once, on a machine that does other things too.
const Patience = 30 * time.Second

// maxShownLog bounds what a failed test prints of each process.
const maxShownLog = 64 << 10

// Command says what to start.
type Command struct {
	Path string
	Args []string
	Dir  string              // working directory; the test's own when empty
	Env  []string            // complete environment; the test's own when nil
	User *syscall.Credential // nil for the test's own user
}

// Process is a started command. It is killed when the test ends. A panic or a
// data race that it reported fails the test, and its output is printed when
// the test failed.
type Process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed after the process was reaped
	err  error         // set before done is closed
}

// Start starts c and returns at once.
func Start(tb testing.TB, c Command) *Process {
	tb.Helper()
	p := &Process{cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Dir = c.Dir
	p.cmd.Env = c.Env
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second // what the process left behind may hold the pipe
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.User, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", c.Path, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	tb.Cleanup(func() {
		p.Kill()
		for line := range strings.Lines(p.Output()) {
			for _, bug := range []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"} {
				if strings.HasPrefix(line, bug) {
					tb.Errorf("pid %d wrote %q", p.Pid(), strings.TrimSpace(line))
				}
			}
		}
		if tb.Failed() {
			tb.Logf("output of %s (pid %d, %s):\n%s", c.Path, p.cmd.Process.Pid, p.cmd.ProcessState, tail(p.out.String()))
		}
	})
	return p
}

// Run starts c, waits for its end and returns what it wrote and its exit code.
func Run(tb testing.TB, c Command) (out string, code int) {
	tb.Helper()
	p := Start(tb, c)
	code = p.Wait(tb)
	return p.Output(), code
}

// Pid of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output is everything written to standard output and standard error so far.
func (p *Process) Output() string { return p.out.String() }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends sig; a process that has ended already is not an error.
func (p *Process) Signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Fatalf("signal %v to pid %d: %v", sig, p.Pid(), err)
	}
}

// Kill ends the process with SIGKILL, which it cannot see coming, and waits
// until the kernel has reaped it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only when the process has ended
	<-p.done
}

// Stop asks the process to end with SIGTERM and returns its exit code.
func (p *Process) Stop(tb testing.TB) (code int) {
	tb.Helper()
	p.Signal(tb, syscall.SIGTERM)
	return p.Wait(tb)
}

// Wait waits for the end of the process and returns its exit code, or -1 if a
// signal ended it.
func (p *Process) Wait(tb testing.TB) (code int) {
	tb.Helper()
	select {
	case <-p.done:
	case <-time.After(Patience):
		tb.Fatalf("pid %d has not ended after %s", p.Pid(), Patience)
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		tb.Fatalf("wait for pid %d: %v", p.Pid(), p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// AwaitOutput waits until the process has written text.
func (p *Process) AwaitOutput(tb testing.TB, text string) {
	tb.Helper()
	p.Await(tb, fmt.Sprintf("output %q", text), func() bool { return strings.Contains(p.Output(), text) })
}

// AwaitReady waits until the health_check extension at addr answers that the
// pipelines are ready.
func (p *Process) AwaitReady(tb testing.TB, addr string) {
	tb.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	p.Await(tb, "health check at "+addr, func() bool {
		req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+addr+"/", http.NoBody)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Await waits until cond holds and fails the test when the process ends before
// or Patience runs out.
func (p *Process) Await(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline := time.After(Patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-p.done:
			tb.Fatalf("pid %d ended (%s) while waiting for %s", p.Pid(), p.cmd.ProcessState, what)
		case <-deadline:
			tb.Fatalf("no %s after %s", what, Patience)
		}
	}
}

// output collects what a process writes; exec copies into it from goroutines.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func tail(text string) string {
	if len(text) <= maxShownLog {
		return text
	}
	return "… " + text[len(text)-maxShownLog:]
}
