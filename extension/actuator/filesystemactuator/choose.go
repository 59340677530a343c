// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// choice is what a recipe would remove now.
type choice struct {
	files  []file // oldest first, within every bound of the recipe
	bytes  int64
	spared int // files that qualify but are open
	open   inUse
	usage  usage
}

// choose applies a recipe. The bounds on files, bytes and utilisation are
// reckoned from what is there now; clean checks them again as it goes.
func (t *tree) choose(ctx context.Context, recipe RecipeConfig, now time.Time) (choice, error) {
	var c choice
	var err error
	if c.usage, err = usageOf(int(t.root.Fd())); err != nil {
		return c, err
	}
	var all []file
	if err := t.walk(ctx, func(f file) {
		// Another name of the same file would keep its space: nothing gained.
		if f.links == 1 && matches(recipe.Match, f.rel) {
			all = append(all, f)
		}
	}); err != nil {
		return c, err
	}
	all = eligible(all, recipe, now)
	if len(all) == 0 {
		return c, nil
	}
	open, err := openFiles(ctx, t.dev)
	if err != nil {
		return c, err
	}
	c.open = open
	unused := slices.DeleteFunc(all, func(f file) bool { return open.inodes[f.inode] })
	c.spared = len(all) - len(unused)
	c.files, c.bytes = bounded(unused, recipe, c.usage)
	return c, nil
}

// eligible sorts files by age, oldest first, and leaves out those that are too
// young or among the newest that the recipe keeps.
func eligible(all []file, recipe RecipeConfig, now time.Time) []file {
	slices.SortFunc(all, func(a, b file) int { return cmp.Or(a.mtime.Compare(b.mtime), cmp.Compare(a.rel, b.rel)) })
	all = all[:max(0, len(all)-recipe.KeepNewest)]
	young := slices.IndexFunc(all, func(f file) bool { return now.Sub(f.mtime) < recipe.MinAge })
	if young >= 0 {
		all = all[:young]
	}
	return all
}

// bounded takes files until a bound of the recipe or its target is reached.
func bounded(files []file, recipe RecipeConfig, u usage) (taken []file, bytes int64) {
	for _, f := range files {
		after := u
		after.used -= bytes
		after.taken -= min(uint64(len(taken)), after.taken)
		reached := recipe.TargetUtilization > 0 && after.share() <= recipe.TargetUtilization
		if reached || len(taken) == recipe.MaxFiles {
			break
		}
		if bytes+f.size > recipe.MaxBytes {
			continue // a smaller one may still fit
		}
		taken = append(taken, f)
		bytes += f.size
	}
	return taken, bytes
}
