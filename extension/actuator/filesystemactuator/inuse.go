// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// usage is which files are in use on this host, as far as it can be seen.
type usage struct {
	open    map[fileKey]bool
	deleted int64 // bytes of files that are deleted but still open
	unseen  int   // processes whose files may not be listed
}

// filesInUse looks at the descriptors and the mappings of every process. Of
// the processes of other users it sees them only with CAP_SYS_PTRACE and
// CAP_DAC_READ_SEARCH, which root has.
func filesInUse(ctx context.Context, device uint64) (usage, error) {
	u := usage{open: map[fileKey]bool{}}
	deleted := map[fileKey]int64{}
	proc, err := os.Open("/proc")
	if err != nil {
		return u, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return u, err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return u, err
		}
		if pid, err := strconv.Atoi(name); err == nil {
			u.look(pid, device, deleted)
		}
	}
	for _, size := range deleted {
		u.deleted += size
	}
	return u, nil
}

func (u *usage) look(pid int, device uint64, deleted map[fileKey]int64) {
	dir := "/proc/" + strconv.Itoa(pid)
	fds, err := os.Open(dir + "/fd")
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			u.unseen++
		}
		return
	}
	defer fds.Close()
	names, err := fds.Readdirnames(-1)
	if err != nil && errors.Is(err, fs.ErrPermission) {
		u.unseen++
		return
	}
	for _, name := range names {
		var stat unix.Stat_t
		if unix.Stat(dir+"/fd/"+name, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		key := fileKey{uint64(stat.Dev), stat.Ino}
		u.open[key] = true
		if stat.Nlink == 0 && key.device == device {
			deleted[key] = stat.Blocks * 512
		}
	}
	if text, err := os.ReadFile(dir + "/maps"); err == nil {
		for _, key := range parseMaps(string(text)) {
			u.open[key] = true
		}
	}
}

// parseMaps reads the files mapped in /proc/PID/maps, proc_pid_maps(5).
// Lines that are not of that form are passed over.
func parseMaps(text string) []fileKey {
	var keys []fileKey
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		majorText, minorText, ok := strings.Cut(fields[3], ":")
		major, err1 := strconv.ParseUint(majorText, 16, 32)
		minor, err2 := strconv.ParseUint(minorText, 16, 32)
		inode, err3 := strconv.ParseUint(fields[4], 10, 64)
		if ok && err1 == nil && err2 == nil && err3 == nil && inode != 0 {
			keys = append(keys, fileKey{unix.Mkdev(uint32(major), uint32(minor)), inode})
		}
	}
	return keys
}
