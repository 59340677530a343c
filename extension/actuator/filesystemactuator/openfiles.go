// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openFiles are the files that the processes of this host hold.
type openFiles struct {
	held   map[inode]bool
	unseen int // processes that may not be looked at
}

func (o openFiles) holds(node inode) bool { return o.held[node] }

// scanOpen looks through /proc for open and mapped files on one device.
func scanOpen(ctx context.Context, device uint64) (openFiles, error) {
	out := openFiles{held: map[inode]bool{}}
	if _, err := os.Lstat("/proc/1"); err != nil {
		out.unseen++ // hidepid hides the processes of others
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return out, err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		dir := filepath.Join("/proc", entry.Name())
		if err := errors.Join(out.descriptors(filepath.Join(dir, "fd"), device), out.mappings(filepath.Join(dir, "maps"), device)); err != nil {
			out.unseen++
		}
	}
	return out, nil
}

func (o openFiles) descriptors(dir string, device uint64) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return unlessGone(err)
	}
	for _, name := range names {
		var s unix.Statx_t
		// What is cached will do: a server that does not answer must not
		// hang the scan, and the inode never changes.
		err := unix.Statx(unix.AT_FDCWD, filepath.Join(dir, name.Name()), unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_INO, &s)
		if err == nil {
			if dev := unix.Mkdev(s.Dev_major, s.Dev_minor); dev == device {
				o.held[inode{dev, s.Ino}] = true
			}
		} else if err := unlessGone(err); err != nil {
			return err
		}
	}
	return nil
}

// mappings finds what is mapped although its descriptor is closed.
func (o openFiles) mappings(name string, device uint64) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return unlessGone(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if node, ok := parseMapping(line); ok && node.device == device {
			o.held[node] = true
		}
	}
	return nil
}

// parseMapping reads device and inode from a line of proc_pid_maps(5).
func parseMapping(line string) (inode, bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return inode{}, false
	}
	major, minor, _ := strings.Cut(fields[3], ":")
	a, err1 := strconv.ParseUint(major, 16, 32)
	b, err2 := strconv.ParseUint(minor, 16, 32)
	number, err3 := strconv.ParseUint(fields[4], 10, 64)
	return inode{unix.Mkdev(uint32(a), uint32(b)), number}, errors.Join(err1, err2, err3) == nil && number != 0
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
