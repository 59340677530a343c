// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

func (e *filesystemExtension) clean() actuator.Verb {
	return actuator.Verb{Spec: specClean, Plan: e.planClean, Execute: e.runClean, Probe: e.probeClean}
}

// subject is the tree that a request is about, held open.
type subject struct {
	*tree
	name   string
	recipe RecipeConfig
}

// open resolves target and recipe. The caller closes the subject.
func (e *filesystemExtension) open(req actuator.Request) (subject, error) {
	name := req.Params[paramRecipe].(string)
	recipe, ok := e.cfg.Recipes[name]
	if !ok {
		known := slices.Sorted(maps.Keys(e.cfg.Recipes))
		return subject{}, fmt.Errorf("%w: there is no recipe %q in the configuration (there are: %s)", actuator.ErrParams, shown(name), strings.Join(known, ", "))
	}
	m, err := mountOf(req.Target)
	if err != nil {
		return subject{}, err
	}
	t, err := openTree(recipe.Root, m)
	if err != nil {
		return subject{}, err
	}
	// What was approved is the recipe as it was, not what its name means now.
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", recipe))
	t.id["recipe_digest"] = hex.EncodeToString(sum[:16])
	return subject{tree: t, name: name, recipe: recipe}, nil
}

func mountOf(target actuator.Target) (mount, error) {
	point := target.Attr[actuator.AttrMountpoint]
	if point == "" {
		return mount{}, fmt.Errorf("%w: the target has no attribute %s", actuator.ErrParams, actuator.AttrMountpoint)
	}
	return mountAt(point)
}

func (e *filesystemExtension) planClean(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
	s, err := e.open(req)
	if err != nil {
		return actuator.Preview{}, err
	}
	defer s.close()
	c, err := s.choose(ctx, s.recipe, time.Now())
	if err != nil {
		return actuator.Preview{}, err
	}
	what := "removes"
	if s.recipe.Quarantine != "" {
		what = "moves to " + shown(s.recipe.Quarantine)
	}
	preview := actuator.Preview{
		Identity: s.id, Contribution: actuator.NoContribution,
		Target:  "filesystem " + shown(req.Target.Attr[actuator.AttrMountpoint]),
		Effects: []string{fmt.Sprintf("%s %d files of %d bytes beneath %s by recipe %s, oldest first", what, len(c.files), c.bytes, shown(s.path), s.name)},
	}
	preview.Blockers = e.blockers(s, c)
	return preview, nil
}

// Codes of blockers of this actuator.
const (
	blockerManifest   = "manifest_not_writable"
	blockerQuarantine = "quarantine_unusable"
)

// blockers are the reasons not to follow the recipe now.
func (e *filesystemExtension) blockers(s subject, c choice) (out []actuator.Blocker) {
	block := func(code, text string) { out = append(out, actuator.Blocker{Code: code, Text: text}) }
	if len(c.files) == 0 {
		block(actuator.BlockerNothingToDo, c.nothing(s))
	}
	if c.usage.readOnly {
		block(actuator.BlockerNoPermission, fmt.Sprintf("the filesystem of %s is mounted read only", shown(s.path)))
	}
	if err := e.cfg.writable(); err != nil {
		block(blockerManifest, actuator.Clean(err.Error(), 2*maxShown))
	}
	if s.recipe.Quarantine != "" {
		if err := elsewhere(s.recipe.Quarantine, s.dev); err != nil {
			block(blockerQuarantine, actuator.Clean(err.Error(), 2*maxShown))
		}
	}
	return out
}

// writable checks without writing that a manifest has room.
func (c *Config) writable() error {
	dir, err := os.Open(c.ManifestDirectory)
	if err != nil {
		return fmt.Errorf("manifest_directory: %w", err)
	}
	defer dir.Close()
	if err := unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("manifest_directory: %s cannot be written to: %w", c.ManifestDirectory, err)
	}
	u, err := usageOf(int(dir.Fd()))
	if err != nil {
		return err
	}
	if s, err := os.Lstat(filepath.Join(c.ManifestDirectory, reserveName)); err == nil {
		u.free += s.Size()
	}
	if u.total > 0 && u.free < reserveSize/4 {
		return fmt.Errorf("manifest_directory: %s has %d bytes left for a manifest, its reserve included; name a directory on another filesystem", c.ManifestDirectory, u.free)
	}
	return nil
}

// nothing says why no file qualifies.
func (c choice) nothing(s subject) string {
	text := fmt.Sprintf("recipe %s finds nothing that it may remove beneath %s, which is on a filesystem %.0f %% full", s.name, shown(s.path), 100*c.usage.share())
	if c.spared > 0 {
		text += fmt.Sprintf("; %d files are spared because they are open", c.spared)
	}
	return text
}

func (e *filesystemExtension) runClean(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	s, err := e.open(req)
	if err != nil {
		return refused, err
	}
	defer s.close()
	if !s.id.Equal(req.Identity) {
		return refused, fmt.Errorf("%w: %s", actuator.ErrIdentityChanged, shown(s.path))
	}
	c, err := s.choose(ctx, s.recipe, time.Now())
	if err != nil {
		return refused, err
	}
	if out, known, err := e.earlier(ctx, req); known {
		return out, err
	}
	if blockers := e.blockers(s, c); len(blockers) > 0 {
		return refused, fmt.Errorf("%w: %s", actuator.ErrBlocked, blockers[0].Text)
	}
	e.writing.Lock() // the reserve is one for all operations
	defer e.writing.Unlock()
	if err := e.cfg.release(); err != nil {
		return refused, fmt.Errorf("%w: the reserve for the manifest: %w", actuator.ErrBlocked, err)
	}
	head := entry{What: whatHead, Operation: req.Operation, Recipe: s.name, Root: shownWhole(s.path), Time: time.Now().UTC()}
	m, err := e.cfg.openManifest(req.Operation, head, c.files)
	if err != nil {
		return refused, errors.Join(fmt.Errorf("%w: the manifest: %w", actuator.ErrBlocked, err), e.cfg.reserve())
	}
	if again, err := e.open(req); err != nil || !again.id.Equal(req.Identity) { // the survey may have taken long
		if err == nil {
			err = again.close()
		}
		err = errors.Join(fmt.Errorf("%w: %s", actuator.ErrIdentityChanged, shown(s.path)), err)
		return refused, errors.Join(err, m.close(), os.Remove(e.cfg.manifestFile(req.Operation)), e.cfg.reserve())
	} else if err := again.close(); err != nil {
		return refused, errors.Join(err, m.close(), e.cfg.reserve())
	}
	done := s.remove(ctx, c, req.Operation, m)
	m.write(entry{What: whatEnd, Files: done.files, Bytes: done.bytes, Time: time.Now().UTC()})
	if err := errors.Join(m.close(), e.cfg.reserve()); err != nil {
		e.warn("the manifest of an operation is not complete", req.Operation, err)
	}
	return done.result(s, c, e.cfg.manifestFile(req.Operation))
}

// earlier answers for an operation that has a manifest already.
func (e *filesystemExtension) earlier(ctx context.Context, req actuator.Request) (out actuator.Result, known bool, err error) {
	if _, err := os.Lstat(e.cfg.manifestFile(req.Operation)); errors.Is(err, fs.ErrNotExist) {
		return out, false, nil
	}
	out.Outcome, err = e.probeClean(ctx, req)
	if err == nil && out.Outcome == actuator.Applied {
		out.Detail = "this operation was carried out before; its manifest tells what it removed"
		return out, true, nil
	}
	return actuator.Result{Outcome: actuator.Refused}, true,
		errors.Join(fmt.Errorf("%w: operation %s was begun before, its outcome is %s", actuator.ErrBlocked, shown(req.Operation), out.Outcome), err)
}

// removal is what was done so far.
type removal struct {
	files  int
	bytes  int64
	names  []string // the first few
	spared map[string]int
	err    error // that ended it early
}

const (
	namedFiles = 20
	lookAgain  = 2 * time.Second // how old the list of open files may be
)

// remove goes through the chosen files until the target is reached.
func (s subject) remove(ctx context.Context, c choice, operation string, m *manifest) removal {
	done, open, seen := removal{spared: map[string]int{}}, c.open, time.Now()
	for i, f := range c.files {
		if done.err = ctx.Err(); done.err != nil {
			return done
		}
		if u, err := usageOf(int(s.root.Fd())); s.recipe.TargetUtilization > 0 && err == nil && u.share() <= s.recipe.TargetUtilization {
			return done
		}
		if time.Since(seen) > lookAgain {
			if open, done.err = openFiles(ctx, s.dev); done.err != nil {
				return done
			}
			seen = time.Now()
		}
		to, err := "", errOpen
		if !open.inodes[f.inode] {
			to, err = s.take(ctx, f, taking{quarantine: s.recipe.Quarantine, operation: operation, index: i, blind: open.blind > 0})
		}
		if err != nil {
			why := spared(err)
			done.spared[why]++
			if done.err = m.happened(entry{What: whatSpared, File: shownWhole(f.rel), Why: why}); done.err != nil {
				return done
			}
			continue
		}
		done.err = m.happened(entry{What: whatRemoved, File: shownWhole(f.rel), Bytes: f.size, To: to})
		done.files++
		done.bytes += f.size
		if len(done.names) < namedFiles {
			done.names = append(done.names, shown(f.rel))
		}
		if done.err != nil {
			return done
		}
	}
	return done
}

func (r removal) result(s subject, c choice, manifest string) (actuator.Result, error) {
	facts := map[string]string{
		"files": strconv.Itoa(r.files), "bytes": strconv.FormatInt(r.bytes, 10), "recipe": s.name, "manifest": shown(manifest),
		"spared_open": strconv.Itoa(c.spared), "unseen_processes": strconv.Itoa(c.open.blind), "names": strings.Join(r.names, "\n"),
	}
	for why, n := range r.spared {
		facts["spared_"+why] = strconv.Itoa(n)
	}
	if u, err := usageOf(int(s.root.Fd())); err == nil {
		facts["utilization"] = strconv.FormatFloat(u.share(), 'f', 4, 64)
	}
	result := actuator.Result{
		Outcome: actuator.Applied, Facts: facts,
		Detail: fmt.Sprintf("removed %d files of %d bytes beneath %s by recipe %s", r.files, r.bytes, shown(s.path), s.name),
	}
	if r.files > 0 {
		if r.err != nil {
			result.Facts["cut_short"] = actuator.Clean(r.err.Error(), maxShown)
			result.Detail += ", and was then cut short"
		}
		return result, nil
	}
	result.Outcome = actuator.NotApplied
	result.Detail = ""
	if r.err == nil {
		r.err = fmt.Errorf("%w: every file that was chosen is in use, changed or could not be removed", actuator.ErrBlocked)
	}
	return result, r.err
}

// probeClean reads the manifest, which is on disk before the first file goes.
func (e *filesystemExtension) probeClean(ctx context.Context, req actuator.Request) (actuator.Outcome, error) {
	if _, err := os.Stat(e.cfg.ManifestDirectory); err != nil {
		return actuator.Unknown, fmt.Errorf("manifest_directory: %w", err)
	}
	f, err := os.Open(e.cfg.manifestFile(req.Operation))
	if errors.Is(err, fs.ErrNotExist) {
		return actuator.NotApplied, nil
	}
	if err != nil {
		return actuator.Unknown, err
	}
	defer f.Close()
	a, err := readManifest(f)
	switch {
	case err != nil || a.operation != req.Operation:
		return actuator.Unknown, fmt.Errorf("the manifest of %s cannot be read", shown(req.Operation))
	case a.removed > 0:
		return actuator.Applied, nil
	case a.ended:
		return actuator.NotApplied, nil
	}
	s, err := e.open(req)
	if err != nil {
		return actuator.Unknown, err
	}
	defer s.close()
	return s.compare(ctx, a.planned)
}

// compare tells of an operation that was cut off before it wrote down what it
// removed, by whether the planned files are all still there.
func (s subject) compare(ctx context.Context, planned []entry) (actuator.Outcome, error) {
	there := map[uint64]bool{}
	if err := s.walk(ctx, func(f file) { there[f.inode] = true }); err != nil {
		return actuator.Unknown, err
	}
	for _, p := range planned {
		if !there[p.Inode] {
			return actuator.Unknown, nil // we removed it, or its owner did
		}
	}
	return actuator.NotApplied, nil
}
