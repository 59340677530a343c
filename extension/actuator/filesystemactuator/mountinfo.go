// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"strconv"
	"strings"
)

// mount is one line of /proc/PID/mountinfo, proc_pid_mountinfo(5).
type mount struct {
	id    uint64
	point string
	kind  string // ext4, tmpfs …
}

var errMountinfo = errors.New("not the format of /proc/self/mountinfo")

// parseMountinfo reads the mounts in the order in which they were made.
func parseMountinfo(text string) ([]mount, error) {
	var mounts []mount
	for line := range strings.Lines(text) {
		front, back, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, rest := strings.Split(front, " "), strings.Split(back, " ")
		if !ok || len(fields) < 6 || len(rest) < 2 {
			return nil, errMountinfo
		}
		id, err := strconv.ParseUint(fields[0], 10, 63)
		if err != nil {
			return nil, errors.Join(errMountinfo, err)
		}
		mounts = append(mounts, mount{id: id, point: unescape(fields[4]), kind: rest[0]})
	}
	return mounts, nil
}

// unescape undoes the kernel's octal escapes of space, tab, newline and
// backslash.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// topmost finds the mount that is seen at a mount point: the last one made.
func topmost(mounts []mount, point string) (mount, bool) {
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].point == point {
			return mounts[i], true
		}
	}
	return mount{}, false
}
