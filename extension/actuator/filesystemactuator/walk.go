// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// walk calls use for each regular file beneath the root. Symlinks and other
// filesystems are not entered, and what vanishes meanwhile is passed over.
// It errs when there is more than it may look at, or ctx ends.
func (t *tree) walk(ctx context.Context, use func(file)) error {
	w := walker{tree: t, use: use}
	return w.enter(ctx, ".", 0)
}

type walker struct {
	*tree
	use  func(file)
	seen int
}

func (w *walker) enter(ctx context.Context, rel string, depth int) error {
	if depth > maxDepth {
		return nil
	}
	dir, err := w.directory(rel)
	if err != nil {
		return passOver(err)
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if err := w.look(ctx, int(dir.Fd()), rel, name, depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return passOver(err)
		}
	}
}

func (w *walker) look(ctx context.Context, dir int, rel, name string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.seen++; w.seen > maxEntries {
		return fmt.Errorf("%w: more than %d files lie beneath %s; name a narrower root", actuator.ErrBlocked, maxEntries, shown(w.path))
	}
	var s unix.Stat_t
	if err := unix.Fstatat(dir, name, &s, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT); err != nil {
		return passOver(err)
	}
	at := path.Join(rel, name)
	switch {
	case s.Dev != w.dev:
		return nil
	case s.Mode&unix.S_IFMT == unix.S_IFDIR:
		return w.enter(ctx, at, depth+1)
	case s.Mode&unix.S_IFMT == unix.S_IFREG:
		w.use(file{
			rel: at, inode: s.Ino, size: s.Blocks * 512, bytes: s.Size, mtime: time.Unix(s.Mtim.Unix()), links: s.Nlink,
		})
	}
	return nil
}

// passOver forgives what a tree that others use does under a walk: entries
// vanish, become symlinks or mountpoints, or may not be read.
func passOver(err error) error {
	for _, harmless := range []error{unix.ENOENT, unix.ELOOP, unix.EXDEV, unix.ENOTDIR, unix.EACCES, unix.EPERM, unix.ENAMETOOLONG, unix.EAGAIN} {
		if errors.Is(err, harmless) {
			return nil
		}
	}
	return err
}
