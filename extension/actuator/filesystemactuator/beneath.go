// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// tree is the directory that a recipe cleans, held open: whatever happens to
// its name, what is done happens beneath this directory and on its device.
type tree struct {
	root *os.File
	path string
	dev  uint64
	id   actuator.Identity
}

// resolveBeneath keeps a path from leaving the tree: by a symlink anywhere in
// it, by .., or into another filesystem.
const resolveBeneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openTree opens root, which must lie on the filesystem mounted at m.
func openTree(root string, m mount) (*tree, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, root, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("%w: there is a symlink in the path of the root %s; name the directory itself", actuator.ErrBlocked, shown(root))
	case err != nil:
		return nil, fmt.Errorf("%w: the root %s: %w", actuator.ErrNotFound, shown(root), err)
	}
	t := &tree{root: os.NewFile(uintptr(fd), root), path: root}
	var s unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_MNT_ID, &s); err != nil {
		return nil, errors.Join(err, t.close())
	}
	if s.Mnt_id != m.id {
		return nil, errors.Join(fmt.Errorf("%w: the root %s does not lie on the filesystem mounted at %s", actuator.ErrParams, shown(root), shown(m.point)), t.close())
	}
	t.dev = unix.Mkdev(s.Dev_major, s.Dev_minor)
	id, err := identityOf(fd, &s)
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	t.id = id
	return t, nil
}

// identityOf names the incarnation of a directory on its filesystem. Device
// numbers and mount ids are used again after an unmount; the unique mount id
// of Linux 6.8 is not.
func identityOf(fd int, s *unix.Statx_t) (actuator.Identity, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	id := actuator.Identity{
		"boot_id": boot, "device": fmt.Sprintf("%d:%d", s.Dev_major, s.Dev_minor),
		"mount_id": strconv.FormatUint(s.Mnt_id, 10), "root_inode": strconv.FormatUint(s.Ino, 10),
	}
	var unique unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID_UNIQUE, &unique); err == nil && unique.Mask&unix.STATX_MNT_ID_UNIQUE != 0 {
		id["unique_mount_id"] = strconv.FormatUint(unique.Mnt_id, 10)
	}
	return id, nil
}

func (t *tree) close() error { return t.root.Close() }

// directory opens a directory beneath the root; "." is the root itself.
func (t *tree) directory(rel string) (*os.File, error) {
	fd, err := unix.Openat2(int(t.root.Fd()), rel, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: resolveBeneath,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path.Join(t.path, rel)), nil
}

// file is one regular file as it was seen.
type file struct {
	rel   string // beneath the root
	inode uint64
	size  int64 // bytes it occupies, which is the room that removing it makes
	bytes int64 // bytes that it holds
	mtime time.Time
	links uint64
}

// same reports whether a file is still the one that was seen, unchanged.
func (f file) same(s *unix.Stat_t, dev uint64) bool {
	return s.Mode&unix.S_IFMT == unix.S_IFREG && s.Dev == dev && s.Ino == f.inode &&
		s.Nlink == 1 && s.Size == f.bytes && s.Blocks*512 == f.size && time.Unix(s.Mtim.Unix()).Equal(f.mtime)
}

const (
	maxEntries = 500_000 // looked at by one walk
	maxDepth   = 64
	maxShown   = 200 // bytes of a name from outside in a text
)

func shown(name string) string { return actuator.Clean(name, maxShown) }

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return string(text[:max(0, len(text)-1)]), nil
}
