// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/plan"
)

// Every YAML block of every page is what it says it is.
func TestYAML(t *testing.T) {
	for _, block := range blocks(t, "yaml") {
		t.Run(block.String(), func(t *testing.T) {
			t.Parallel()
			switch block.Note {
			case "builder":
				require.NoError(t, CheckBuilder(block))
			case "kubernetes":
				require.NoError(t, CheckKubernetes(block))
			case "plans":
				_, err := plan.Parse(block.String(), []byte(block.Text))
				require.NoError(t, err)
			case "policy":
				_, err := guard.ParsePolicy([]byte(block.Text))
				require.NoError(t, err)
			default:
				files, err := Configuration(block)
				require.NoError(t, err)
				output, err := validate(t, files)
				require.NoError(t, err, "%s does not validate:\n%s\n%s", block, block.Text, output)
			}
		})
	}
}

// The shipped configuration is documentation too.
func TestShippedConfiguration(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(e2e.Root(t), "config.yaml"))
	require.NoError(t, err)
	const variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	t.Setenv(variable, "http://localhost:4317") // and what it was before comes back after the test
	output, err := validate(t, []string{string(text)})
	require.NoError(t, err, "with a backend:\n%s", output)
	require.NoError(t, os.Unsetenv(variable))
	output, err = validate(t, []string{string(text)})
	require.NoError(t, err, "without one:\n%s", output)
}

// A check that cannot fail checks nothing.
func TestValidateRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a component that does not exist": "processors:\n  no_such_processor: {}\n",
		"a key that does not exist":       "processors:\n  memory_limiter: {check_interval: 1s, limit_mib: 100, no_such_key: 1}\n",
		"a value that is not allowed":     "processors:\n  memory_limiter: {check_interval: 1s, limit_percentage: 101}\n",
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Configuration(Block{File: "x.md", Line: 1, Lang: "yaml", Text: text})
			require.NoError(t, err)
			_, err = validate(t, files)
			require.Error(t, err)
		})
	}
}

// validate asks the built distribution what it thinks of the files, in a
// folder of their own.
func validate(t *testing.T, files []string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"validate"}
	env := os.Environ()
	for i, text := range files {
		name := fmt.Sprintf("%d.yaml", i)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		args = append(args, "--config", name)
		for _, variable := range Environment(text) {
			// What ifenv asks for may be missing: the text says what then.
			if os.Getenv(variable) == "" && !strings.Contains(text, "ifenv:"+variable+"?") {
				env = append(env, variable+"=placeholder")
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), e2e.Binary(t), args...)
	cmd.Dir = dir
	cmd.Env = env
	return cmd.CombinedOutput()
}
