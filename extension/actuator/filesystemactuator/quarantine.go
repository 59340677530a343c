// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openQuarantine opens the directory, whose path must hold no symlink.
func openQuarantine(name string) (*os.File, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, fmt.Errorf("quarantine: %s: %w; it must be a directory, and no part of its path a symlink", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// elsewhere checks without writing that a quarantine can take files of dev.
func elsewhere(name string, dev uint64) error {
	dir, err := openQuarantine(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	var s unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &s); err != nil {
		return fmt.Errorf("quarantine: %s: %w", name, err)
	}
	if s.Dev == dev {
		return fmt.Errorf("quarantine: %s is on the filesystem that is to be cleaned, so that moving files there makes no room", name)
	}
	if err := unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("quarantine: %s cannot be written to: %w", name, err)
	}
	return nil
}

// operationFile begins the names of one operation in the quarantine.
func operationFile(operation string, index int) string {
	name := filepath.Base((&Config{}).manifestFile(operation))
	return fmt.Sprintf("%s-%06d", name[:len(name)-len(".jsonl")], index+1)
}

// keep copies a file into the quarantine, and returns when it is on disk. Its
// name there is ours, for the original could be hostile; the manifest tells
// which is which.
func (p pinned) keep(ctx context.Context, how taking, f file) (to string, err error) {
	dir, err := openQuarantine(how.quarantine)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	name := operationFile(how.operation, how.index)
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return "", err
	}
	copied := os.NewFile(uintptr(fd), name)
	n, err := io.Copy(copied, io.LimitReader(untilDone{ctx, p}, f.bytes+1))
	if err == nil && n != f.bytes {
		err = errChanged
	}
	if err = errors.Join(err, copied.Sync(), copied.Close(), dir.Sync()); err != nil {
		return "", errors.Join(err, unix.Unlinkat(int(dir.Fd()), name, 0))
	}
	return filepath.Join(how.quarantine, name), nil
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context //nolint:containedctx // it lives for one copy
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
