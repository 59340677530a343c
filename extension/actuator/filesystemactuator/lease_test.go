// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The lease sees what the list of open files is too old to know, or could not
// know because the process is in another namespace.
func TestFileOpenedAfterTheScanIsSpared(t *testing.T) {
	mountpoint := mountTmpfs(t, 4)
	name := put(t, filepath.Join(mountpoint, "cache", "a.tmp"), 4, time.Hour)
	tree := openForTest(t, filepath.Join(mountpoint, "cache"), mountpoint)
	var seen []file
	require.NoError(t, tree.walk(t.Context(), func(f file) { seen = append(seen, f) }))
	require.Len(t, seen, 1)

	f, err := os.Open(name)
	require.NoError(t, err)
	_, err = tree.take(t.Context(), seen[0], taking{operation: "op"})
	require.ErrorIs(t, err, errOpen)
	require.Equal(t, "open", spared(err))
	require.FileExists(t, name)
	require.NoError(t, f.Close())
	_, err = tree.take(t.Context(), seen[0], taking{operation: "op", blind: true})
	require.NoError(t, err, "a lease proves more than the list of open files")
	require.NoFileExists(t, name)
	_, err = tree.take(t.Context(), seen[0], taking{operation: "op"})
	require.ErrorIs(t, err, errGone)
}

// Where no lease is granted, a file goes only if every process could be seen.
func TestWithoutALeaseABlindScanSpares(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	for _, tt := range []struct {
		blind bool
		err   error
		spare bool
	}{{true, unix.EACCES, true}, {false, unix.EACCES, false}, {false, unix.EAGAIN, true}} {
		held, err := os.Open(name)
		require.NoError(t, err)
		_, err = unleased(held, tt.blind, tt.err)
		if tt.spare {
			require.ErrorIs(t, err, errOpen)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, held.Close())
	}
}
