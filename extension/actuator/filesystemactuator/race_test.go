// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// An attacker who owns a directory beneath the root swaps it for a symlink to
// a folder that is not his, again and again, while recipes run.
func TestSymlinkSwapNeverReachesOutside(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	root := filepath.Join(mountpoint, "cache")
	outside := filepath.Join(mountpoint, "outside")
	victims := []string{put(t, filepath.Join(outside, "a.tmp"), 4, time.Hour), put(t, filepath.Join(outside, "b.tmp"), 4, time.Hour)}
	dir, link := filepath.Join(root, "dir"), filepath.Join(mountpoint, "link")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.Symlink(outside, link))

	ctx, cancel := context.WithCancel(t.Context())
	var attacker sync.WaitGroup
	attacker.Go(func() {
		for ctx.Err() == nil {
			_ = unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
		}
	})
	tree := openForTest(t, root, mountpoint)
	removed := 0
	for range 10_000 {
		name := filepath.Join(mountpoint, "cache", "dir", "a.tmp")
		_ = os.WriteFile(name, []byte("x"), 0o600) // into the directory or, through the link, the victim
		var seen []file
		require.NoError(t, tree.walk(ctx, func(f file) { seen = append(seen, f) }))
		for _, f := range seen {
			if _, err := tree.take(ctx, f, taking{operation: "race"}); err == nil {
				removed++
			}
		}
		for _, victim := range victims {
			require.FileExists(t, victim)
		}
	}
	cancel()
	attacker.Wait()
	require.Positive(t, removed, "the race never let the recipe do its work")
}

// A file that takes the place of the chosen one is not removed.
func TestAnotherFileUnderTheNameIsLeft(t *testing.T) {
	mountpoint := mountTmpfs(t, 16)
	root := filepath.Join(mountpoint, "cache")
	name := filepath.Join(root, "a.tmp")
	precious := filepath.Join(mountpoint, "precious")
	put(t, name, 4, time.Hour)
	tree := openForTest(t, root, mountpoint)
	wrong := 0
	for range 10_000 {
		put(t, name, 4, time.Hour)
		put(t, precious, 8, 2*time.Hour)
		var seen []file
		require.NoError(t, tree.walk(t.Context(), func(f file) { seen = append(seen, f) }))
		require.Len(t, seen, 1)
		var swap sync.WaitGroup
		swap.Go(func() { _ = os.Rename(precious, name) })
		_, err := tree.take(t.Context(), seen[0], taking{operation: "race"})
		swap.Wait()
		if err == nil { // the chosen file is gone; the precious one is at its name or its own
			_, atName := os.Stat(name)
			_, atOwn := os.Stat(precious)
			if atName != nil && atOwn != nil {
				wrong++
			}
		}
		require.NoError(t, os.RemoveAll(name))
	}
	require.Zero(t, wrong)
}

func openForTest(t *testing.T, root, mountpoint string) *tree {
	t.Helper()
	m, err := mountAt(mountpoint)
	require.NoError(t, err)
	tree, err := openTree(root, m)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tree.close()) })
	return tree
}
