// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
	"github.com/homeostat/homeostat/internal/policy"
)

// Every key that a component accepts is in its README, in code type.
func TestEveryKeyIsDocumented(t *testing.T) {
	root := e2e.Root(t)
	tree, err := policy.Load(root)
	require.NoError(t, err)
	components := 0
	for _, file := range tree.Files {
		dir := filepath.Join(root, filepath.FromSlash(file.Dir()))
		if _, err := os.Stat(filepath.Join(dir, "metadata.yaml")); err != nil || file.Generated || file.Test {
			continue
		}
		components++
		for _, key := range keys(file.Syntax) {
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			require.NoError(t, err, "every component has a README")
			inCode := regexp.MustCompile("`[^`\n]*\\b" + regexp.QuoteMeta(key) + "\\b[^`\n]*`")
			require.True(t, inCode.Match(readme), "%s/README.md does not document %s of %s", file.Dir(), key, file.Path)
		}
	}
	require.Positive(t, components)
}

// keys are the names that the structs of a file have in YAML.
func keys(file *ast.File) []string {
	var names []string
	ast.Inspect(file, func(node ast.Node) bool {
		field, ok := node.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			return true
		}
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("mapstructure"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
		return true
	})
	return names
}
