// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is an unprivileged user with a folder of its own. It is the test's
// own user where that is not root.
type nobody struct {
	dir        string
	credential *syscall.Credential // nil for the test's own user
}

func newNobody(t *testing.T) nobody {
	t.Helper()
	// t.TempDir is below a folder that other users cannot enter.
	dir, err := os.MkdirTemp("", "homeostat-e2e-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	n := nobody{dir: dir}
	if os.Geteuid() != 0 {
		return n
	}
	account, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	require.NoError(t, err)
	n.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	require.NoError(t, os.Chown(dir, int(uid), int(gid)))
	return n
}

// binary is a copy of the distribution that nobody can read, wherever the
// checkout is.
func (n nobody) binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(n.dir, "otelcol-homeostat")
	copyFile(t, Binary(t), path, 0o755)
	return path
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, mode))
}
