// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// choice is which files a recipe would remove, and why others stay.
type choice struct {
	files                               []entry // oldest first
	bytes                               int64
	young, newest, inUse, linked, bound int
}

// choose applies a recipe to the files that match it. need is how many bytes
// must go to reach the target; removing stops there, and at the bounds.
func choose(r RecipeConfig, matching []entry, open map[fileKey]bool, need int64, now time.Time) choice {
	files := slices.Clone(matching)
	slices.SortFunc(files, func(a, b entry) int {
		return cmp.Or(a.changed.Compare(b.changed), strings.Compare(a.rel, b.rel))
	})
	var c choice
	kept := min(r.KeepNewest, len(files))
	c.newest = kept
	for _, f := range files[:len(files)-kept] {
		switch {
		case now.Sub(f.changed) < r.MinAge:
			c.young++
		case open[f.key]:
			c.inUse++
		case f.links > 1: // another name keeps it: removing this one frees nothing
			c.linked++
		case len(c.files) >= r.MaxFiles || c.bytes+f.size > r.MaxBytes || c.bytes >= need:
			c.bound++
		default:
			c.files = append(c.files, f)
			c.bytes += f.size
		}
	}
	return c
}

// needed is how many bytes must go so that the filesystem is at most target
// full: used - x <= target * (used + available).
func needed(r spaceReport, target float64) int64 {
	if target == 0 {
		return 1<<63 - 1
	}
	return max(0, int64(float64(r.used)-target*float64(r.used+r.available)+0.5))
}
