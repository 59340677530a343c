// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// stay forbids every way out of a directory that the kernel knows: upwards,
// through a link, or into another filesystem mounted inside.
const stay = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openRoot opens a directory by its absolute path, no part of which may be a
// link. Mounts may be crossed on the way to it: which one it lies on is
// compared with the target.
func openRoot(path string) (*os.File, error) {
	fd, err := openat2(unix.AT_FDCWD, path, unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", actuator.ErrNotFound, actuator.Clean(path, 256), err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openBeneath opens a directory below dir without leaving it.
func openBeneath(dir *os.File, rel string) (*os.File, error) {
	fd, err := openat2(int(dir.Fd()), rel, stay)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), rel), nil
}

func openat2(dir int, path string, resolve uint64) (int, error) {
	for {
		fd, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: resolve})
		// The kernel asks to try again when a rename elsewhere disturbed it.
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// place is where a directory is: which filesystem, by which mount, and which
// directory on it.
type place struct {
	major, minor uint32
	mount, inode uint64
}

func placeOf(dir *os.File) (place, error) {
	var s unix.Statx_t
	if err := unix.Statx(int(dir.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &s); err != nil {
		return place{}, err
	}
	if s.Mask&unix.STATX_MNT_ID == 0 {
		return place{}, errors.New("this kernel does not tell the mount of a file; Linux 5.8 does")
	}
	return place{major: s.Dev_major, minor: s.Dev_minor, mount: s.Mnt_id, inode: s.Ino}, nil
}

func (p place) device() string { return fmt.Sprintf("%d:%d", p.major, p.minor) }

// inside reports whether path is dir or lies beneath it, by their names.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// spaceReport is how full a filesystem is.
type spaceReport struct {
	size, used, available uint64 // bytes; available to users without privileges
	files, filesFree      uint64
	readOnly              bool
}

func space(dir *os.File) (spaceReport, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &s); err != nil {
		return spaceReport{}, err
	}
	block := uint64(s.Frsize)
	return spaceReport{
		size: s.Blocks * block, used: (s.Blocks - s.Bfree) * block, available: s.Bavail * block,
		files: s.Files, filesFree: s.Ffree, readOnly: s.Flags&unix.ST_RDONLY != 0,
	}, nil
}

// utilization is the share in use as df(1) reckons it: what is reserved for
// root is not to be had, and counts neither as used nor as free.
func (r spaceReport) utilization() float64 {
	if r.used+r.available == 0 {
		return 0
	}
	return float64(r.used) / float64(r.used+r.available)
}
