// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
)

// The console blocks are scripts: they are run as their reader would run them,
// in a folder that looks like a checkout.
func TestConsole(t *testing.T) {
	dir := t.TempDir()
	var scripts []string
	for _, block := range blocks(t, "console") {
		script, err := Script(block)
		require.NoError(t, err)
		if script == "" {
			continue
		}
		name := filepath.Join(dir, strings.NewReplacer("/", "_", ":", "_").Replace(block.String())+".txtar")
		require.NoError(t, os.WriteFile(name, []byte(script), 0o600))
		scripts = append(scripts, name)
	}
	require.NotEmpty(t, scripts)
	e2e.Binary(t)
	runScripts(t, scripts...)
}

// The custom commands themselves, on programs that behave and do not.
func TestConsoleCommands(t *testing.T) {
	name := filepath.Join(t.TempDir(), "commands.txtar")
	require.NoError(t, os.WriteFile(name, []byte(`
shell 'echo one; echo two >&2'
stdout 'one'
stdout 'two'
start 'ready' 'trap "echo bye; exit 0" INT; echo ready; while :; do sleep 0.1; done'
shell 'test -f Makefile && test ! -e .git'
stop
stdout 'bye'
`), 0o600))
	runScripts(t, name)
}

func runScripts(t *testing.T, files ...string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup:               checkout(e2e.Root(t)),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"shell": shell,
			"start": start,
			"stop":  stop,
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
		env.Vars = append(env.Vars, append(caches, "HOME="+env.WorkDir)...)
		env.Values[running{}] = new(background)
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
