// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

func TestCleanMakesRoomOnAFullFilesystem(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	root := filepath.Join(mountpoint, "cache")
	keep := put(t, filepath.Join(root, "accounts.db"), 4, time.Hour)
	for i := 0; ; i++ {
		name := filepath.Join(root, fmt.Sprintf("page-%03d.tmp", i))
		if err := os.WriteFile(name, make([]byte, mib), 0o600); errors.Is(err, syscall.ENOSPC) {
			break
		}
		when := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(name, when, when))
	}
	r := recipe(mountpoint)
	r.TargetUtilization = 0.5
	e := started(t, r, t.TempDir())

	result, err := do(t, e, cleanRequest(mountpoint))
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, result.Outcome)
	var s unix.Statfs_t
	require.NoError(t, unix.Statfs(mountpoint, &s))
	used := 1 - float64(s.Bfree)/float64(s.Blocks)
	require.LessOrEqual(t, used, 0.5)
	require.Greater(t, used, 0.4, "no more was removed than was asked for")
	require.FileExists(t, keep)
}

func TestCleanOnTheFilesystemThatHoldsTheManifests(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	root := filepath.Join(mountpoint, "cache")
	e := started(t, recipe(mountpoint), filepath.Join(mountpoint, "manifests"))
	put(t, filepath.Join(root, "old.tmp"), 1024, time.Hour)
	for i := 0; ; i++ {
		if err := os.WriteFile(filepath.Join(mountpoint, fmt.Sprintf("full-%d", i)), make([]byte, 64<<10), 0o600); errors.Is(err, syscall.ENOSPC) {
			break
		}
	}
	result, err := do(t, e, cleanRequest(mountpoint))
	require.NoError(t, err, "the reserve makes room for the manifest")
	require.Equal(t, "1", result.Facts["files"])
	require.FileExists(t, filepath.Join(mountpoint, "manifests", reserveName), "and is made again")
}

// Each key of a recipe changes what is removed.
func TestRecipeBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		turn func(r *RecipeConfig)
		left string
	}{
		{"as it is", func(*RecipeConfig) {}, "e.log"},
		{"match", func(r *RecipeConfig) { r.Match = []string{"*.log"} }, "a.tmp b.tmp c.tmp d.tmp"},
		{"min_age", func(r *RecipeConfig) { r.MinAge = 3 * time.Hour }, "c.tmp d.tmp e.log"},
		{"keep_newest", func(r *RecipeConfig) { r.KeepNewest = 3 }, "b.tmp c.tmp d.tmp e.log"},
		{"max_files", func(r *RecipeConfig) { r.MaxFiles = 2 }, "c.tmp d.tmp e.log"},
		{"max_bytes", func(r *RecipeConfig) { r.MaxBytes = 5 * mib / 2 }, "c.tmp d.tmp e.log"},
		{"target_utilization", func(r *RecipeConfig) { r.TargetUtilization = 0.13 }, "d.tmp e.log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mountpoint := mountTmpfs(t, 16)
			root := filepath.Join(mountpoint, "cache")
			for i, name := range []string{"a.tmp", "b.tmp", "c.tmp", "d.tmp", "e.log"} {
				put(t, filepath.Join(root, name), 1024, time.Duration(5-i)*time.Hour-time.Hour/2)
			}
			r := recipe(mountpoint)
			tt.turn(&r)
			result, err := do(t, started(t, r, t.TempDir()), cleanRequest(mountpoint))
			require.NoError(t, err)
			require.Equal(t, actuator.Applied, result.Outcome)
			entries, err := os.ReadDir(root)
			require.NoError(t, err)
			var left []string
			for _, entry := range entries {
				left = append(left, entry.Name())
			}
			require.Equal(t, tt.left, strings.Join(left, " "))
		})
	}
}

func TestQuarantineKeepsWhatWasRemoved(t *testing.T) {
	mountpoint, quarantine := mountTmpfs(t, 16), t.TempDir()
	name := put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)
	require.NoError(t, os.WriteFile(name, []byte("content"), 0o600))
	when := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(name, when, when))
	r := recipe(mountpoint)
	r.Quarantine = quarantine
	_, err := do(t, started(t, r, t.TempDir()), cleanRequest(mountpoint))
	require.NoError(t, err)
	require.NoFileExists(t, name)
	kept, err := os.ReadFile(filepath.Join(quarantine, "op-1-000001"))
	require.NoError(t, err)
	require.Equal(t, "content", string(kept))
}

func TestOpenFilesAreSpared(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	root := filepath.Join(mountpoint, "cache")
	open := put(t, filepath.Join(root, "open.tmp"), 4, time.Hour)
	mapped := put(t, filepath.Join(root, "mapped.tmp"), 4, time.Hour)
	put(t, filepath.Join(root, "closed.tmp"), 4, time.Hour)
	f, err := os.Open(open)
	require.NoError(t, err)
	defer f.Close()
	m, err := os.Open(mapped)
	require.NoError(t, err)
	memory, err := unix.Mmap(int(m.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(memory)) }()
	require.NoError(t, m.Close())

	result, err := do(t, started(t, recipe(mountpoint), t.TempDir()), cleanRequest(mountpoint))
	require.NoError(t, err)
	require.Equal(t, "1", result.Facts["files"])
	require.Equal(t, "2", result.Facts["spared_open"])
	require.FileExists(t, open)
	require.FileExists(t, mapped)
}

func TestLinksAndOtherFilesystemsAreLeft(t *testing.T) {
	mountpoint, outside := mountTmpfs(t, 16), t.TempDir()
	root := filepath.Join(mountpoint, "cache")
	put(t, filepath.Join(root, "a.tmp"), 4, time.Hour)
	victim := put(t, filepath.Join(outside, "victim.tmp"), 4, time.Hour)
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "link")))
	require.NoError(t, os.Symlink(victim, filepath.Join(root, "link.tmp")))
	linked := put(t, filepath.Join(root, "linked.tmp"), 4, time.Hour)
	require.NoError(t, os.Link(linked, filepath.Join(mountpoint, "second name")))
	other := filepath.Join(root, "other")
	require.NoError(t, os.Mkdir(other, 0o700))
	mountAtDir(t, other, 1)
	foreign := put(t, filepath.Join(other, "foreign.tmp"), 4, time.Hour)
	require.NoError(t, os.Mkdir(filepath.Join(root, "directory.tmp"), 0o700))

	result, err := do(t, started(t, recipe(mountpoint), t.TempDir()), cleanRequest(mountpoint))
	require.NoError(t, err)
	require.Equal(t, "1", result.Facts["files"])
	for _, name := range []string{victim, linked, foreign} {
		require.FileExists(t, name)
	}
	require.DirExists(t, filepath.Join(root, "directory.tmp"))
	_, err = os.Lstat(filepath.Join(root, "link.tmp"))
	require.NoError(t, err)
}

func TestHostileNames(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	for _, name := range []string{"-rf.tmp", "a;rm -rf $(reboot).tmp", "new\nline.tmp", "\x1b[2J.tmp", "invalid\xff.tmp", strings.Repeat("x", 251) + ".tmp"} {
		put(t, filepath.Join(mountpoint, "cache", name), 4, time.Hour)
	}
	e := started(t, recipe(mountpoint), t.TempDir())
	result, err := do(t, e, cleanRequest(mountpoint))
	require.NoError(t, err)
	require.Equal(t, "6", result.Facts["files"])
	require.NotContains(t, result.Facts["names"], "\x1b")
	text, err := os.ReadFile(e.cfg.manifestFile("op-1"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "\x1b")
	require.Contains(t, string(text), `new\\nline.tmp`)
}

func TestCleanRefuses(t *testing.T) {
	mountpoint, other := mountTmpfs(t, 4), mountTmpfs(t, 4)
	put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)
	e := started(t, recipe(mountpoint), t.TempDir())
	for _, tt := range []struct {
		name string
		bend func(req *actuator.Request)
		want error
		text string
	}{
		{"a recipe that does not exist", func(r *actuator.Request) { r.Params = actuator.Params{paramRecipe: "nope"} }, actuator.ErrParams, "there are: cache"},
		{"a recipe of another filesystem", func(r *actuator.Request) { r.Target = target(other) }, actuator.ErrParams, "does not lie on the filesystem"},
		{"no mountpoint", func(r *actuator.Request) { r.Target.Attr = nil }, actuator.ErrParams, "mountpoint"},
		{"nothing mounted there", func(r *actuator.Request) { r.Target = target("/no/such/mountpoint") }, actuator.ErrNotFound, "nothing is mounted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := cleanRequest(mountpoint)
			tt.bend(&req)
			_, err := e.Plan(t.Context(), req)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.text)
		})
	}

	t.Run("nothing to do", func(t *testing.T) {
		r := recipe(mountpoint)
		r.Match = []string{"*.none"}
		preview, err := started(t, r, t.TempDir()).Plan(t.Context(), cleanRequest(mountpoint))
		require.NoError(t, err)
		require.Len(t, preview.Blockers, 1)
		require.Equal(t, actuator.BlockerNothingToDo, preview.Blockers[0].Code)
	})

	t.Run("a root behind a symlink", func(t *testing.T) {
		link := filepath.Join(mountpoint, "link")
		require.NoError(t, os.Symlink(filepath.Join(mountpoint, "cache"), link))
		r := recipe(mountpoint)
		r.Root = link
		_, err := started(t, r, t.TempDir()).Plan(t.Context(), cleanRequest(mountpoint))
		require.ErrorIs(t, err, actuator.ErrBlocked)
		require.ErrorContains(t, err, "symlink")
	})
	require.FileExists(t, filepath.Join(mountpoint, "cache", "a.tmp"))
}

// After a crash the manifest tells what became of the operation.
func TestProbeAfterACrash(t *testing.T) {
	mountpoint := mountTmpfs(t, 4)
	name := put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)
	e := started(t, recipe(mountpoint), t.TempDir())
	req := cleanRequest(mountpoint)
	s, err := e.open(actuator.Request{Target: req.Target, Params: req.Params})
	require.NoError(t, err)
	defer s.close()
	c, err := s.choose(t.Context(), s.recipe, time.Now())
	require.NoError(t, err)
	m, err := e.cfg.openManifest("op-1", entry{What: whatHead, Operation: "op-1"}, c.files)
	require.NoError(t, err)
	require.NoError(t, m.close()) // and the process dies here

	outcome, err := e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.NotApplied, outcome, "every planned file is still there")
	require.NoError(t, os.Remove(name)) // as if it had died after the first removal
	outcome, err = e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Unknown, outcome, "its owner may have removed it")

	// It died after it wrote down the first removal.
	require.NoError(t, os.Remove(e.cfg.manifestFile("op-1")))
	put(t, name, 4, time.Hour)
	m, err = e.cfg.openManifest("op-1", entry{What: whatHead, Operation: "op-1"}, c.files)
	require.NoError(t, err)
	require.NoError(t, m.happened(entry{What: whatRemoved, File: "a.tmp"}))
	outcome, err = e.Probe(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, actuator.Applied, outcome)
	require.NoError(t, m.close())

	require.NoError(t, os.WriteFile(e.cfg.manifestFile("op-1"), []byte("garbage\n"), 0o600))
	outcome, err = e.Probe(t.Context(), req)
	require.Error(t, err)
	require.Equal(t, actuator.Unknown, outcome)
}
