// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"path"
	"strings"
)

// matchAny reports whether a file, by its path relative to the root, matches
// one of the globs. A glob without a slash looks at the name alone; in others
// ** stands for any number of directories.
func matchAny(globs []string, rel string) bool {
	for _, glob := range globs {
		if !strings.Contains(glob, "/") && glob != "**" {
			if ok, err := path.Match(glob, path.Base(rel)); err == nil && ok {
				return true
			}
			continue
		}
		if matchParts(strings.Split(glob, "/"), strings.Split(rel, "/")) {
			return true
		}
	}
	return false
}

// matchParts compares part by part, from the end of the glob backwards, with
// one row of a table: linear in the product of the lengths, whatever the glob.
func matchParts(glob, parts []string) bool {
	// can[j]: the rest of the glob matches parts[j:]
	can := make([]bool, len(parts)+1)
	can[len(parts)] = true
	for i := len(glob) - 1; i >= 0; i-- {
		next := make([]bool, len(parts)+1)
		for j := len(parts); j >= 0; j-- {
			if glob[i] == "**" {
				next[j] = can[j] || (j < len(parts) && next[j+1])
				continue
			}
			if j < len(parts) && can[j+1] {
				ok, err := path.Match(glob[i], parts[j])
				next[j] = err == nil && ok
			}
		}
		can = next
	}
	return can[0]
}
