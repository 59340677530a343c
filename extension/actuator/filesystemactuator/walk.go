// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mostEntries bounds a walk: beyond it the caller is told that it was cut
	// short, and works with what was seen.
	mostEntries = 1_000_000
	deepest     = 64
	batch       = 512
)

// fileKey names a file on this host for as long as it exists.
type fileKey struct{ device, inode uint64 }

// entry is one regular file as the walk saw it.
type entry struct {
	rel     string // path relative to the root
	key     fileKey
	size    int64 // bytes on disk, what removing it frees
	changed time.Time
	links   uint64
}

// survey is what a walk saw.
type survey struct {
	files     []entry
	seen      int
	truncated bool // there was more than may be looked at
	unread    int  // directories that could not be read
}

// walk lists the regular files beneath root that visit accepts, without
// following a link or leaving the filesystem. Everything is opened from the
// root anew, so a directory that is moved or replaced during the walk leads
// nowhere else.
func walk(ctx context.Context, root *os.File, device uint64, visit func(entry) bool) (survey, error) {
	var s survey
	queue := []string{"."}
	depth := map[string]int{".": 0}
	for len(queue) > 0 && !s.truncated {
		rel := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		level := depth[rel]
		delete(depth, rel)
		below, err := s.read(ctx, root, rel, device, visit)
		if err != nil {
			return s, err
		}
		for _, dir := range below {
			if level+1 > deepest {
				s.truncated = true
				continue
			}
			depth[dir] = level + 1
			queue = append(queue, dir)
		}
	}
	return s, nil
}

// read lists one directory and returns the directories in it.
func (s *survey) read(ctx context.Context, root *os.File, rel string, device uint64, visit func(entry) bool) ([]string, error) {
	dir, err := openBeneath(root, rel)
	if err != nil {
		s.unread++
		return nil, nil
	}
	defer dir.Close()
	var below []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		names, err := dir.Readdirnames(batch)
		for _, name := range names {
			if s.seen++; s.seen > mostEntries {
				s.truncated = true
				return below, nil
			}
			var stat unix.Stat_t
			if unix.Fstatat(int(dir.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil || uint64(stat.Dev) != device {
				continue
			}
			child := path.Join(rel, name)
			switch stat.Mode & unix.S_IFMT {
			case unix.S_IFDIR:
				below = append(below, child)
			case unix.S_IFREG:
				if e := entryOf(child, &stat); visit(e) {
					s.files = append(s.files, e)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return below, nil
		}
		if err != nil {
			s.unread++
			return below, nil
		}
	}
}

func entryOf(rel string, stat *unix.Stat_t) entry {
	return entry{
		rel: rel, key: fileKey{uint64(stat.Dev), stat.Ino}, size: stat.Blocks * 512,
		changed: time.Unix(stat.Mtim.Unix()), links: uint64(stat.Nlink),
	}
}

// deviceOf is the number that Fstatat reports for files on the filesystem.
func deviceOf(dir *os.File) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(int(dir.Fd()), &stat)
	return uint64(stat.Dev), err
}
