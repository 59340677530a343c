// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"path"
	"strings"
)

// matches reports whether a file at rel beneath the root is meant by one of
// the globs. A glob without a slash is about the name at any depth; ** stands
// for any number of directories, none included.
func matches(globs []string, rel string) bool {
	for _, glob := range globs {
		if !strings.Contains(glob, "/") && glob != "**" {
			if ok, _ := path.Match(glob, path.Base(rel)); ok {
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

// matchParts compares part by part. Backtracking goes back to the last ** at
// most, so that the time is bounded by the product of both lengths.
func matchParts(glob, rel []string) bool {
	g, r, star, mark := 0, 0, -1, 0
	for r < len(rel) {
		switch {
		case g < len(glob) && glob[g] == "**":
			star, mark = g, r
			g++
		case g < len(glob) && matchPart(glob[g], rel[r]):
			g++
			r++
		case star >= 0:
			mark++
			g, r = star+1, mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == "**" {
		g++
	}
	return g == len(glob)
}

func matchPart(glob, name string) bool {
	ok, _ := path.Match(glob, name)
	return ok
}
