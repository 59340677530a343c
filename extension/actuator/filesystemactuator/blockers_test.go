// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// blocked plans, requires one blocker and that Execute refuses too.
func blocked(t *testing.T, e *filesystemExtension, mountpoint, code string) {
	t.Helper()
	req := cleanRequest(mountpoint)
	preview, err := e.Plan(t.Context(), req)
	require.NoError(t, err)
	require.NotEmpty(t, preview.Blockers)
	require.Equal(t, code, preview.Blockers[0].Code)
	before := listing(t, mountpoint)
	req.Identity = preview.Identity
	result, err := e.Execute(t.Context(), req)
	require.ErrorIs(t, err, actuator.ErrBlocked)
	require.Equal(t, actuator.Refused, result.Outcome)
	require.Equal(t, before, listing(t, mountpoint))
}

func TestBlockers(t *testing.T) {
	mountpoint, manifests := mountTmpfs(t, 4), t.TempDir()
	put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)

	t.Run("target reached", func(t *testing.T) {
		r := recipe(mountpoint)
		r.TargetUtilization = 0.99
		blocked(t, started(t, r, manifests), mountpoint, actuator.BlockerNothingToDo)
	})
	t.Run("quarantine on the same filesystem", func(t *testing.T) {
		r := recipe(mountpoint)
		r.Quarantine = filepath.Join(mountpoint, "cache")
		blocked(t, started(t, r, manifests), mountpoint, blockerQuarantine)
	})
	t.Run("no quarantine", func(t *testing.T) {
		r := recipe(mountpoint)
		r.Quarantine = "/no/such/directory"
		blocked(t, started(t, r, manifests), mountpoint, blockerQuarantine)
	})
	t.Run("manifest directory without room", func(t *testing.T) {
		full := mountTmpfs(t, 8)
		e := started(t, recipe(mountpoint), full)
		require.NoError(t, os.Remove(filepath.Join(full, reserveName)))
		for i := 0; ; i++ {
			if err := os.WriteFile(filepath.Join(full, fmt.Sprint(i)), make([]byte, mib), 0o600); errors.Is(err, syscall.ENOSPC) {
				break
			}
		}
		blocked(t, e, mountpoint, blockerManifest)
	})
	t.Run("manifest directory gone", func(t *testing.T) {
		gone := filepath.Join(t.TempDir(), "m")
		e := started(t, recipe(mountpoint), gone)
		require.NoError(t, os.RemoveAll(gone))
		blocked(t, e, mountpoint, blockerManifest)
		outcome, err := e.Probe(t.Context(), cleanRequest(mountpoint))
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Equal(t, actuator.Unknown, outcome, "without the directory nothing is known")
	})
	t.Run("read only", func(t *testing.T) {
		require.NoError(t, unix.Mount("", mountpoint, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		blocked(t, started(t, recipe(mountpoint), manifests), mountpoint, actuator.BlockerNoPermission)
	})
}

// A quarantine that fills up leaves the file where it is, and nothing behind.
func TestFullQuarantineKeepsTheFile(t *testing.T) {
	mountpoint := mountTmpfs(t, 8)
	name := put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 3<<10, time.Hour)
	r := recipe(mountpoint)
	r.Quarantine = mountTmpfs(t, 2)
	result, err := do(t, started(t, r, t.TempDir()), cleanRequest(mountpoint))
	require.ErrorIs(t, err, actuator.ErrBlocked)
	require.Equal(t, actuator.NotApplied, result.Outcome)
	require.FileExists(t, name)
	require.Empty(t, listing(t, r.Quarantine))
}

// A filesystem without a free inode is full too.
func TestNoInodeLeft(t *testing.T) {
	mountpoint := mountTmpfs(t, 64)
	require.NoError(t, unix.Mount("", mountpoint, "", unix.MS_REMOUNT, "nr_inodes=100"))
	root := filepath.Join(mountpoint, "cache")
	require.NoError(t, os.Mkdir(root, 0o700))
	when := time.Now().Add(-time.Hour)
	for i := 0; ; i++ {
		name := filepath.Join(root, fmt.Sprintf("%03d.tmp", i))
		if err := os.WriteFile(name, nil, 0o600); errors.Is(err, syscall.ENOSPC) {
			break
		}
		require.NoError(t, os.Chtimes(name, when, when))
	}
	r := recipe(mountpoint)
	r.TargetUtilization = 0.5
	result, err := do(t, started(t, r, t.TempDir()), cleanRequest(mountpoint))
	require.NoError(t, err)
	require.Equal(t, "0.5000", result.Facts["utilization"])
}

// What was approved is the recipe as it was.
func TestAChangedRecipeIsAnotherIdentity(t *testing.T) {
	mountpoint, manifests := mountTmpfs(t, 4), t.TempDir()
	name := put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)
	req := cleanRequest(mountpoint)
	preview, err := started(t, recipe(mountpoint), manifests).Plan(t.Context(), req)
	require.NoError(t, err)
	req.Identity = preview.Identity
	r := recipe(mountpoint)
	r.Match = []string{"**"}
	_, err = started(t, r, manifests).Execute(t.Context(), req)
	require.ErrorIs(t, err, actuator.ErrIdentityChanged)
	require.FileExists(t, name)
}

func TestRootAndManifestDirectoryHaveAnEffect(t *testing.T) {
	mountpoint, manifests := mountTmpfs(t, 4), t.TempDir()
	cache := put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)
	spool := put(t, filepath.Join(mountpoint, "spool", "a.tmp"), 4, time.Hour)
	r := recipe(mountpoint)
	r.Root = filepath.Join(mountpoint, "spool")
	result, err := do(t, started(t, r, manifests), cleanRequest(mountpoint))
	require.NoError(t, err)
	require.FileExists(t, cache)
	require.NoFileExists(t, spool)
	require.Equal(t, manifests, filepath.Dir(result.Facts["manifest"]))
}

func TestExplainNamesTheBiggestDirectories(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	put(t, filepath.Join(mountpoint, "cache", "small", "a.tmp"), 64, time.Hour)
	put(t, filepath.Join(mountpoint, "cache", "big\n\x1b[2J", "b.tmp"), 1024, time.Hour)
	e := started(t, recipe(mountpoint), t.TempDir())
	req := actuator.Request{Verb: verbExplain, Target: target(mountpoint), Params: actuator.Params{paramTop: 1}}
	result, err := do(t, e, req)
	require.NoError(t, err)
	require.Equal(t, "2 files of 1114112 bytes match beneath "+mountpoint+"/cache\n1048576 bytes in "+mountpoint+`/cache/big\n\x1b[2J`, result.Facts["recipe.cache"])
	require.Equal(t, "tmpfs", result.Facts["type"])
	req.Params[paramTop] = 2
	result, err = do(t, e, req)
	require.NoError(t, err)
	require.Contains(t, result.Facts["recipe.cache"], "65536 bytes in "+mountpoint+"/cache/small")
}
