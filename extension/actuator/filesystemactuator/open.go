// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// inUse is which files of one device processes hold open or mapped.
type inUse struct {
	inodes map[uint64]bool
	blind  int // processes that may not be looked into
}

// openFiles looks through /proc. Without CAP_SYS_PTRACE the files of other
// users' processes cannot be seen, and those processes are counted.
func openFiles(ctx context.Context, dev uint64) (inUse, error) {
	found := inUse{inodes: map[uint64]bool{}}
	if _, err := os.Lstat("/proc/1"); err != nil {
		found.blind++ // /proc is mounted with hidepid
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return found, err
	}
	for _, process := range processes {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		if found.descriptors(process, dev) || found.mappings(process, dev) {
			found.blind++
		}
	}
	return found, nil
}

// descriptors reports whether it was refused.
func (u *inUse) descriptors(process string, dev uint64) (refused bool) {
	dir, err := os.Open(process + "/fd")
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	for _, name := range names {
		var s unix.Statx_t
		// Follows the link, which leads to the open file itself, not to its
		// name. What is cached will do, so that no dead server is waited for.
		err := unix.Statx(int(dir.Fd()), name, unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_INO, &s)
		if err == nil && unix.Mkdev(s.Dev_major, s.Dev_minor) == dev {
			u.inodes[s.Ino] = true
		}
	}
	return false
}

func (u *inUse) mappings(process string, dev uint64) (refused bool) {
	f, err := os.Open(process + "/maps")
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	defer f.Close()
	device := fmt.Sprintf("%02x:%02x", unix.Major(dev), unix.Minor(dev))
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// address perms offset dev inode path
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || fields[3] != device {
			continue
		}
		if inode, err := strconv.ParseUint(fields[4], 10, 64); err == nil {
			u.inodes[inode] = true
		}
	}
	return false
}
