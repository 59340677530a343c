// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

var loadModule = sync.OnceValues(func() (Tree, error) { return Load(root) })

func module(t *testing.T) Tree {
	t.Helper()
	tree, err := loadModule()
	require.NoError(t, err)
	require.Greater(t, len(tree.Files), 10, "the module has more files than that: wrong root?")
	return tree
}

func TestImportRules(t *testing.T) {
	components := componentDirs(t)
	require.NotEmpty(t, components)
	rules := append(ComponentRules(components), Rules...)
	for _, violation := range Violations(module(t).Imports(), rules) {
		t.Error(violation)
	}
}

// componentDirs are the folders with a metadata.yaml, relative to the root.
func componentDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, kind := range []string{"connector", "exporter", "extension", "processor", "receiver"} {
		err := filepath.WalkDir(filepath.Join(root, kind), func(name string, _ fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || filepath.Base(name) != "metadata.yaml" {
				return err
			}
			dir, err := filepath.Rel(root, filepath.Dir(name))
			dirs = append(dirs, filepath.ToSlash(dir))
			return err
		})
		require.NoError(t, err)
	}
	return dirs
}

func TestViolations(t *testing.T) {
	graph := Graph{
		"processor/a":          {"internal/x", "go.uber.org/zap"},
		"processor/a/internal": {},
		"processor/b":          {"internal/y"},
		"internal/x":           {"fmt", "internal/y"},
		"internal/y":           {"processor/a", "go.opentelemetry.io/collector/pdata/pmetric"},
	}
	const why = "because"
	for name, c := range map[string]struct {
		rule Rule
		want []string
	}{
		"direct":                      {Rule{From: "processor/a", Deny: "go.uber.org/zap"}, []string{"processor/a -> go.uber.org/zap\n\tbecause"}},
		"through our own":             {Rule{From: "processor/b", Deny: "processor/a"}, []string{"processor/b -> internal/y -> processor/a\n\tbecause"}},
		"wildcards":                   {Rule{From: "internal/...", Deny: "go.opentelemetry.io/..."}, []string{"internal/x -> internal/y -> go.opentelemetry.io/collector/pdata/pmetric\n\tbecause", "internal/y -> go.opentelemetry.io/collector/pdata/pmetric\n\tbecause"}},
		"third party":                 {Rule{From: "processor/a", Deny: thirdParty, But: []string{"go.opentelemetry.io/..."}}, []string{"processor/a -> go.uber.org/zap\n\tbecause"}},
		"exception by package":        {Rule{From: "internal/...", Except: []string{"internal/y"}, Deny: "processor/...", But: []string{"processor/a"}}, nil},
		"the standard library is not": {Rule{From: "internal/x", Deny: thirdParty, But: []string{"go.*/..."}}, nil},
		"one element is not two":      {Rule{From: "processor/*", Except: []string{"processor/a"}, Deny: "go.opentelemetry.io/*"}, nil},
		"a rule about nobody":         {Rule{From: "receiver/...", Deny: "x"}, []string{"the rule from receiver/... to x binds no package"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Why = why
			require.Equal(t, c.want, Violations(graph, []Rule{c.rule}))
		})
	}
}

// Imports must see what the compiler sees, whatever the build tags.
func TestImportsOfTree(t *testing.T) {
	dir := t.TempDir()
	write := func(name, source string) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o700))
		require.NoError(t, os.WriteFile(full, []byte(source), 0o600))
	}
	write("internal/a/a.go", "package a\nimport \""+Module+"/internal/b\"\n")
	write("internal/c/c.go", "package c\n")
	write("internal/a/a_windows.go", "package a\nimport \"golang.org/x/sys/windows\"\n")
	write("internal/a/a_test.go", "package a\nimport \"testing\"\n")
	write("internal/b/testdata/ignored.go", "package ignored\nimport \"os\"\n")
	write(path.Join(distribution, "main.go"), "package main\nimport \"os\"\n")
	tree, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, Graph{"internal/a": {"golang.org/x/sys/windows", "internal/b"}, "internal/c": nil}, tree.Imports())
}
