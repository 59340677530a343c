// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	id    uint64
	point string
	kind  string // filesystem type
}

// served are types whose calls hang when another host or program does: nothing
// is opened there.
var served = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "ceph": true, "9p": true, "afs": true, "glusterfs": true,
	"lustre": true, "gfs2": true, "ocfs2": true, "autofs": true, "fuse": true, "virtiofs": true,
}

// mountAt returns the mount that is visible at a mountpoint: of several, one
// on top of the other, the last.
func mountAt(point string) (mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return mount{}, err
	}
	defer f.Close()
	return findMount(f, point)
}

func findMount(table io.Reader, point string) (mount, error) {
	found, ok := mount{}, false
	err := eachMount(table, func(m mount) {
		if m.point == point {
			found, ok = m, true
		}
	})
	if err == nil && !ok {
		err = fmt.Errorf("%w: nothing is mounted at %s", actuator.ErrNotFound, actuator.Clean(point, maxShown))
	}
	if base, _, _ := strings.Cut(found.kind, "."); err == nil && served[base] {
		err = fmt.Errorf("%w: %s is of type %s, which another host or program serves", actuator.ErrProtected, shown(point), shown(found.kind))
	}
	return found, err
}

// eachMount reads mountinfo as proc_pid_mountinfo(5) describes it. Lines that
// it cannot read are passed over.
func eachMount(r io.Reader, use func(mount)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 {
			continue
		}
		id, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			continue
		}
		kind, _, _ := strings.Cut(after, " ")
		use(mount{id: id, point: unescape(fields[4]), kind: kind})
	}
	return lines.Err()
}

// unescape undoes the kernel's \040 for a blank, and its like.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if b, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(b))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// usage is how full a filesystem is.
type usage struct {
	total, used   int64 // bytes
	inodes, taken uint64
	free          int64 // bytes that the collector may still write
	readOnly      bool
}

// share is the part that is in use, 0 to 1, of bytes or of inodes, whichever
// is scarcer: a filesystem without a free inode is full too. Blocks reserved
// for root count as neither used nor free.
func (u usage) share() float64 {
	bytes, inodes := 0.0, 0.0
	if u.total > 0 {
		bytes = float64(u.used) / float64(u.total)
	}
	if u.inodes > 0 {
		inodes = float64(u.taken) / float64(u.inodes)
	}
	return max(bytes, inodes)
}

func usageOf(fd int) (usage, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return usage{}, err
	}
	used := int64(s.Blocks-s.Bfree) * s.Bsize
	return usage{
		total: used + int64(s.Bavail)*s.Bsize, used: used, inodes: s.Files, taken: s.Files - min(s.Ffree, s.Files),
		free: int64(s.Bavail) * s.Bsize, readOnly: s.Flags&unix.ST_RDONLY != 0,
	}, nil
}
