// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a program may take to say what it is documented to say,
// or to end.
const patience = 2 * time.Minute

// ports is held while a script has something running: scripts run side by
// side, and what they start listens on fixed ports.
var ports sync.Mutex

// running is the key under which a script's environment keeps its background.
type running struct{}

// background is a program that goes on until it is interrupted.
type background struct {
	cmd    *exec.Cmd // nil when nothing runs
	output *watched
	ended  chan error
}

// start runs a line in the background and goes on when it has said the text.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: start 'text' 'line'")
	}
	b := ts.Value(running{}).(*background)
	if b.cmd != nil {
		ts.Fatalf("something runs already: stop it first")
	}
	ports.Lock()
	b.output = &watched{want: []byte(args[0]), said: make(chan struct{})}
	b.ended = make(chan error, 1)
	cmd := exec.Command("sh", "-c", args[1])
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "GOPROXY"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Stdout, cmd.Stderr = b.output, b.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		ports.Unlock()
		ts.Fatalf("%v", err)
	}
	b.cmd = cmd
	ended := b.ended
	go func() { ended <- cmd.Wait() }() // ends when the whole group has closed its output
	ts.Defer(func() {
		if err := b.end(syscall.SIGKILL); err != nil {
			ts.Logf("%v", err)
		}
	})

	select {
	case <-b.output.said:
	case err := <-b.ended:
		b.ended <- err
		ts.Fatalf("%q ended (%v) before it said %q:\n%s", args[1], err, args[0], b.output)
	case <-time.After(patience):
		ts.Fatalf("%q never said %q:\n%s", args[1], args[0], b.output)
	}
}

// stop interrupts what was started, as Ctrl-C does, and waits for its end; what
// it said can be matched with stdout.
func stop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: stop")
	}
	b := ts.Value(running{}).(*background)
	ts.Check(b.end(syscall.SIGINT))
	said := filepath.Join(ts.MkAbs("."), "said")
	ts.Check(os.WriteFile(said, []byte(b.output.String()), 0o600))
	ts.Check(ts.Exec("cat", said))
}

// end sends a signal to the whole group and waits for its last process.
func (b *background) end(signal syscall.Signal) error {
	if b.cmd == nil {
		return nil
	}
	group := -b.cmd.Process.Pid
	b.cmd = nil
	defer ports.Unlock()
	if err := syscall.Kill(group, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-b.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("it did not end when it was interrupted:\n"+b.output.String()), syscall.Kill(group, syscall.SIGKILL))
	}
}

// watched collects output and tells when it holds what is waited for.
type watched struct {
	want []byte
	said chan struct{}

	mu   sync.Mutex // guards everything below
	text bytes.Buffer
	told bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if !w.told && bytes.Contains(w.text.Bytes(), w.want) {
		w.told = true
		close(w.said)
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
