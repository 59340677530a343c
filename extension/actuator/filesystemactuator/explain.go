// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

func (e *filesystemExtension) explain() actuator.Verb {
	return actuator.Verb{Spec: specExplain, Plan: e.planExplain, Execute: e.runExplain}
}

// mounted is the filesystem that a request is about, held open.
func mounted(req actuator.Request) (fd int, m mount, id actuator.Identity, err error) {
	if m, err = mountOf(req.Target); err != nil {
		return -1, m, nil, err
	}
	fd, err = unix.Open(m.point, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, m, nil, fmt.Errorf("%w: %s: %w", actuator.ErrNotFound, shown(m.point), err)
	}
	var s unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_MNT_ID, &s)
	if err == nil && s.Mnt_id != m.id {
		err = fmt.Errorf("%w: %s", actuator.ErrIdentityChanged, shown(m.point))
	}
	id, idErr := identityOf(fd, &s)
	if err = errors.Join(err, idErr); err != nil {
		return -1, m, nil, errors.Join(err, unix.Close(fd))
	}
	return fd, m, id, nil
}

func (e *filesystemExtension) planExplain(_ context.Context, req actuator.Request) (actuator.Preview, error) {
	fd, m, id, err := mounted(req)
	if err != nil {
		return actuator.Preview{}, err
	}
	return actuator.Preview{
		Identity: id, Target: "filesystem " + shown(m.point), Contribution: actuator.NoContribution,
		Effects: []string{"looks at the usage of " + shown(m.point) + " and at what lies beneath the roots of its recipes"},
	}, unix.Close(fd)
}

func (e *filesystemExtension) runExplain(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	fd, m, id, err := mounted(req)
	if err != nil {
		return refused, err
	}
	defer unix.Close(fd)
	if !id.Equal(req.Identity) {
		return refused, fmt.Errorf("%w: %s", actuator.ErrIdentityChanged, shown(m.point))
	}
	u, err := usageOf(fd)
	if err != nil {
		return refused, err
	}
	facts := map[string]string{
		"type": shown(m.kind), "utilization": strconv.FormatFloat(u.share(), 'f', 4, 64),
		"used_bytes": strconv.FormatInt(u.used, 10), "total_bytes": strconv.FormatInt(u.total, 10),
		"used_inodes": strconv.FormatUint(u.taken, 10), "total_inodes": strconv.FormatUint(u.inodes, 10),
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	for _, name := range slices.Sorted(maps.Keys(e.cfg.Recipes))[:min(mostRecipes, len(e.cfg.Recipes))] {
		facts["recipe."+name] = beneathRoot(ctx, e.cfg.Recipes[name], m, int(req.Params[paramTop].(int64)))
	}
	if err := outer.Err(); err != nil {
		return refused, err
	}
	return actuator.Result{
		Outcome: actuator.Applied, Facts: facts,
		Detail: fmt.Sprintf("%s is %.1f %% full: %d of %d bytes, %d of %d inodes", shown(m.point), 100*u.share(), u.used, u.total, u.taken, u.inodes),
	}, nil
}

// What explain may take: time for all recipes together, and recipes told of,
// so that the facts of one call stay small.
const (
	lookFor     = 20 * time.Second
	mostRecipes = 8
)

// levels is how deep beneath a root directories are told apart.
const levels = 3

// beneathRoot lists the biggest directories beneath the root of a recipe, a
// line each, or says why it cannot.
func beneathRoot(ctx context.Context, recipe RecipeConfig, m mount, top int) string {
	t, err := openTree(recipe.Root, m)
	if err != nil {
		return actuator.Clean(err.Error(), maxShown)
	}
	defer t.close()
	sizes := map[string]int64{}
	matched, bytes := 0, int64(0)
	err = t.walk(ctx, func(f file) {
		sizes[shallow(path.Dir(f.rel))] += f.size
		if matches(recipe.Match, f.rel) {
			matched++
			bytes += f.size
		}
	})
	names := slices.SortedFunc(maps.Keys(sizes), func(a, b string) int { return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(a, b)) })
	lines := []string{fmt.Sprintf("%d files of %d bytes match beneath %s", matched, bytes, shown(t.path))}
	for _, name := range names[:min(top, len(names))] {
		lines = append(lines, fmt.Sprintf("%d bytes in %s", sizes[name], shown(path.Join(t.path, name))))
	}
	if err != nil {
		lines = append(lines, "not everything was seen: "+actuator.Clean(err.Error(), maxShown))
	}
	return strings.Join(lines, "\n")
}

// shallow is the first levels of a path.
func shallow(rel string) string {
	parts := strings.Split(rel, "/")
	return path.Join(parts[:min(levels, len(parts))]...)
}
