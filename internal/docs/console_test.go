// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
)

// patience is how long a command may take to say what it is documented to say.
const patience = 2 * time.Minute

// The console blocks are scripts: they are run as their reader would run them,
// in a folder that looks like a checkout.
func TestConsole(t *testing.T) {
	dir := t.TempDir()
	var scripts []string
	for _, block := range blocks(t, "console") {
		commands, err := Commands(block)
		require.NoError(t, err)
		why, not := strings.CutPrefix(block.Note, "not run: ")
		until, isUntil := strings.CutPrefix(block.Note, "run until ")
		switch {
		case not:
			require.NotEmpty(t, why, "%s: say why it is not run", block)
			continue
		case block.Note == "" && block.File != "README.md":
			continue
		default:
			require.True(t, isUntil || block.Note == "run" || block.Note == "", "%s: what does %q mean?", block, block.Note)
		}
		name := filepath.Join(dir, strings.NewReplacer("/", "_", ":", "_").Replace(block.String())+".txtar")
		require.NoError(t, os.WriteFile(name, []byte(Script(commands, until)), 0o600))
		scripts = append(scripts, name)
	}
	require.NotEmpty(t, scripts)
	e2e.Binary(t)
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		Setup:               checkout(e2e.Root(t)),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"shell": shell,
			"until": until,
		},
	})
}

// checkout fills a script's folder with what a reader has in theirs, but for
// the data of earlier runs. The Go caches are the machine's own.
func checkout(root string) func(*testscript.Env) error {
	return func(env *testscript.Env) error {
		entries, err := os.ReadDir(root)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.Name() == "data" || entry.Name() == ".git" {
				continue
			}
			if err := os.Symlink(filepath.Join(root, entry.Name()), filepath.Join(env.WorkDir, entry.Name())); err != nil {
				return err
			}
		}
		caches, err := goCaches()
		if err != nil {
			return err
		}
		env.Vars = append(env.Vars, append(caches, "HOME="+env.WorkDir, "OTEL_EXPORTER_OTLP_ENDPOINT=")...)
		return nil
	}
}

var goCaches = sync.OnceValues(func() ([]string, error) {
	names := []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOPATH"}
	output, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return nil, err
	}
	vars := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	for i := range vars {
		vars[i] = names[i] + "=" + vars[i]
	}
	return vars, nil
})

// shell runs one line as a reader's shell would; what it says on either stream
// can be matched with stdout.
func shell(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shell 'line'")
	}
	ts.Check(ts.Exec("sh", "-c", "{ "+args[0]+"\n} 2>&1"))
}

// until runs a line that goes on until it is interrupted, waits for it to say
// something, interrupts it as Ctrl-C does, and waits for its end.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until 'text' 'line'")
	}
	output := watched{want: []byte(args[0]), said: make(chan struct{})}
	cmd := exec.Command("sh", "-c", args[1])
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "GOCACHE=" + ts.Getenv("GOCACHE"), "GOFLAGS=" + ts.Getenv("GOFLAGS")}
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // Wait returns when the whole group has closed its output

	select {
	case <-output.said:
	case err := <-ended:
		ts.Fatalf("%q ended (%v) before it said %q:\n%s", args[1], err, args[0], output.String())
	case <-time.After(patience):
		ts.Check(syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		<-ended
		ts.Fatalf("%q never said %q:\n%s", args[1], args[0], output.String())
	}
	ts.Check(syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	select {
	case <-ended:
	case <-time.After(patience):
		ts.Check(syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		<-ended
		ts.Fatalf("%q did not end when it was interrupted:\n%s", args[1], output.String())
	}
	said := filepath.Join(ts.MkAbs("."), "said")
	ts.Check(os.WriteFile(said, []byte(output.String()), 0o600))
	ts.Check(ts.Exec("cat", said))
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
