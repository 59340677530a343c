// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
)

// page is one Markdown file of the repository.
type page struct {
	path string // relative to the root
	text string
}

// pages are the Markdown files that people write: mdatagen's documentation.md
// files are generated and test data is not documentation.
func pages(t *testing.T) []page {
	t.Helper()
	root := e2e.Root(t)
	var found []page
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if rel != "." && (strings.HasPrefix(base, ".") || base == "testdata" || slices.Contains([]string{"bin", "data", "dist"}, rel)) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(base) != ".md" || base == "documentation.md" {
			return nil
		}
		text, err := os.ReadFile(name)
		found = append(found, page{path: filepath.ToSlash(rel), text: string(text)})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

// blocks are the fenced blocks of one language in all pages.
func blocks(t *testing.T, lang string) []Block {
	t.Helper()
	var found []Block
	for _, p := range pages(t) {
		all, err := Blocks(p.path, p.text)
		require.NoError(t, err)
		for _, block := range all {
			if block.Lang == lang {
				found = append(found, block)
			}
		}
	}
	return found
}

// What is shown is tested only when its language says what it is.
func TestBlocksNameTheirLanguage(t *testing.T) {
	known := []string{"yaml", "console", "text", "mermaid", "go", "ini", "json", "diff", "dockerfile", "promql", "sql"}
	for _, p := range pages(t) {
		all, err := Blocks(p.path, p.text)
		require.NoError(t, err)
		for _, block := range all {
			require.Contains(t, known, block.Lang, "%s: name the language; commands are console, output is text", block)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	root := e2e.Root(t)
	all := pages(t)
	for _, p := range all {
		for _, target := range Links(p.text) {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(target, "#")
			at := filepath.Join(filepath.Dir(filepath.FromSlash(p.path)), filepath.FromSlash(file))
			if file == "" {
				at = filepath.FromSlash(p.path)
			}
			require.FileExists(t, existing(filepath.Join(root, at)), "%s links to %s", p.path, target)
			if fragment == "" || filepath.Ext(at) != ".md" {
				continue
			}
			i := slices.IndexFunc(all, func(other page) bool { return other.path == filepath.ToSlash(at) })
			require.GreaterOrEqual(t, i, 0, "%s links to %s", p.path, target)
			require.True(t, Anchors(all[i].text)[fragment], "%s links to %s, which has no such heading", p.path, target)
		}
	}
}

// existing lets a link to a folder pass as one to a file in it.
func existing(name string) string {
	if entries, err := os.ReadDir(name); err == nil {
		for _, entry := range entries {
			if !entry.IsDir() {
				return filepath.Join(name, entry.Name())
			}
		}
		return name + string(filepath.Separator) + "README.md"
	}
	return name
}

var makeTarget = regexp.MustCompile("(?m)(?:^\\$ |`)make ([a-z][a-z0-9-]*)")

func TestMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(e2e.Root(t), "Makefile"))
	require.NoError(t, err)
	named := 0
	for _, p := range pages(t) {
		for _, match := range makeTarget.FindAllStringSubmatch(p.text, -1) {
			named++
			require.Regexp(t, `(?m)^`+regexp.QuoteMeta(match[1])+`:`, string(makefile), "%s speaks of make %s", p.path, match[1])
		}
	}
	require.Positive(t, named)
}
