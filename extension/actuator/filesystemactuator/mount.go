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

// mountAt returns the mount that is visible at a mountpoint: of several, one
// on top of the other, the last.
func mountAt(point string) (mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return mount{}, err
	}
	defer f.Close()
	found, ok := mount{}, false
	err = eachMount(f, func(m mount) {
		if m.point == point {
			found, ok = m, true
		}
	})
	if err == nil && !ok {
		err = fmt.Errorf("%w: nothing is mounted at %s", actuator.ErrNotFound, actuator.Clean(point, maxShown))
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
}

// share is the part of the bytes that are in use, 0 to 1, as host_metrics
// reports it: blocks reserved for root count as neither used nor free.
func (u usage) share() float64 {
	if u.total == 0 {
		return 0
	}
	return float64(u.used) / float64(u.total)
}

func usageOf(fd int) (usage, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return usage{}, err
	}
	used := int64(s.Blocks-s.Bfree) * s.Bsize
	return usage{total: used + int64(s.Bavail)*s.Bsize, used: used, inodes: s.Files, taken: s.Files - s.Ffree}, nil
}
