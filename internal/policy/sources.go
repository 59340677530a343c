// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// License is the first line of every Go file that people write.
const License = "// SPDX-License-Identifier: Apache-2.0"

// marks tell that something is unfinished. They are put together here because
// this file is checked too.
var marks = []string{"TO" + "DO", "FIX" + "ME"}

// Unlicensed lists the files whose first line is not the licence.
func (t Tree) Unlicensed() []string {
	var found []string
	for _, file := range t.Files {
		if first, _, _ := bytes.Cut(file.Source, []byte("\n")); !file.Generated && string(first) != License {
			found = append(found, file.Path+": the first line must be "+License)
		}
	}
	return found
}

// Undocumented lists the packages without a package comment. A folder with
// nothing but generated files or tests needs none.
func (t Tree) Undocumented() []string {
	documented := make(map[string]bool)
	for _, file := range t.Files {
		if file.Generated || file.Test {
			continue
		}
		documented[file.Dir()] = documented[file.Dir()] || isPackageComment(file.Syntax)
	}
	var found []string
	for dir, ok := range documented {
		if !ok {
			found = append(found, dir+": no file has a package comment")
		}
	}
	slices.Sort(found)
	return found
}

// isPackageComment tells a package comment from a licence right above the
// package clause. A command's comment may begin as it likes.
func isPackageComment(file *ast.File) bool {
	text, name := file.Doc.Text(), file.Name.Name
	return strings.HasPrefix(text, "Package "+name+" ") || name == "main" && text != "" && !strings.HasPrefix(text, "SPDX")
}

// Unfinished lists the places that carry a mark of unfinished work.
func (t Tree) Unfinished() []string {
	var found []string
	for _, file := range t.Files {
		if file.Generated {
			continue
		}
		for number, line := range strings.Split(string(file.Source), "\n") {
			for _, mark := range marks {
				if slices.Contains(words(line), mark) {
					found = append(found, fmt.Sprintf("%s:%d: finish it, or write an issue instead of %s", file.Path, number+1, mark))
				}
			}
		}
	}
	return found
}

func words(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// Sleepers lists the calls of time.Sleep in tests outside a synctest bubble:
// a test that waits for the clock is slow, and fails on a busy machine. Whether
// a helper runs in a bubble cannot be read off it, so that packages whose tests
// use testing/synctest are trusted.
func (t Tree) Sleepers() []string {
	bubbles := make(map[string]bool)
	for _, file := range t.Files {
		bubbles[file.Dir()] = bubbles[file.Dir()] || file.Test && slices.Contains(file.Imports(), "testing/synctest")
	}
	var found []string
	for _, file := range t.Files {
		if !file.Test || file.Generated || bubbles[file.Dir()] {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			if call, ok := node.(*ast.SelectorExpr); ok && call.Sel.Name == "Sleep" {
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" {
					found = append(found, fmt.Sprintf("%s: wait for a condition, or use testing/synctest", t.Fset.Position(call.Pos())))
				}
			}
			return true
		})
	}
	return found
}

// Skippers lists the calls of Skip in tests that do not say in their text what
// is missing on this machine.
func (t Tree) Skippers() []string {
	var found []string
	for _, file := range t.Files {
		if file.Generated {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if ok && (method.Sel.Name == "SkipNow" || method.Sel.Name == "Skip" && isTesting(method.X) && len(call.Args) == 0) {
				found = append(found, fmt.Sprintf("%s: say which privilege or tool is missing", t.Fset.Position(call.Pos())))
			}
			return true
		})
	}
	return found
}

// isTesting tells the customary names of a *testing.T, B or F or a testing.TB
// from other things that can skip, such as decoders.
func isTesting(receiver ast.Expr) bool {
	name, ok := receiver.(*ast.Ident)
	return ok && slices.Contains([]string{"t", "tb", "b", "f"}, name.Name)
}

// maxLines is an alarm, not an ideal: most files are well under 400 lines.
const maxLines = 600

// Oversized lists files that surely hold more than one concept.
func (t Tree) Oversized() []string {
	var found []string
	for _, file := range t.Files {
		if lines := bytes.Count(file.Source, []byte("\n")); !file.Generated && lines > maxLines {
			found = append(found, fmt.Sprintf("%s: %d lines, %d are too many: split it by concept", file.Path, lines, maxLines))
		}
	}
	return found
}
