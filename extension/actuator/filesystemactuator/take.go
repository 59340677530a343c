// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var (
	errChanged    = errors.New("changed")
	errGone       = errors.New("gone")
	errQuarantine = errors.New("quarantine")
	errRemoval    = errors.New("failed")
)

// spared is why a file was left, as a word for manifests and facts.
func spared(err error) string {
	for _, why := range []error{errChanged, errGone, errQuarantine} {
		if errors.Is(err, why) {
			return why.Error()
		}
	}
	return errRemoval.Error()
}

// take removes one file, or moves it to the quarantine and says where.
//
// A name can be given to another file between looking and removing, and Linux
// has no call that removes a file rather than a name. So the name is first
// moved aside, to one that nobody else knows, and what came along is compared
// with what was chosen: another file is put back.
func (t *tree) take(f file, quarantine, operation string, index int) (to string, err error) {
	dir, err := t.directory(path.Dir(f.rel))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errChanged, err)
	}
	defer dir.Close()
	fd, name := int(dir.Fd()), path.Base(f.rel)

	var s unix.Stat_t
	if err := unix.Fstatat(fd, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return "", fmt.Errorf("%w: %w", errGone, err)
	}
	if !f.same(&s, t.dev) {
		return "", errChanged
	}
	aside := fmt.Sprintf(".homeostat-%d-%d", os.Getpid(), f.inode)
	if err := unix.Renameat2(fd, name, fd, aside, unix.RENAME_NOREPLACE); err != nil {
		return "", fmt.Errorf("%w: %w", errRemoval, err)
	}
	back := func(why error) error {
		return errors.Join(why, unix.Renameat2(fd, aside, fd, name, unix.RENAME_NOREPLACE))
	}
	if err := unix.Fstatat(fd, aside, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil || !f.same(&s, t.dev) {
		return "", back(errChanged)
	}
	if quarantine != "" {
		if to, err = keep(fd, aside, filepath.Join(quarantine, operationFolder(operation)), index, name); err != nil {
			return "", back(fmt.Errorf("%w: %w", errQuarantine, err))
		}
	}
	if err := unix.Unlinkat(fd, aside, 0); err != nil {
		return "", back(fmt.Errorf("%w: %w", errRemoval, err))
	}
	return to, nil
}

// operationFolder is the folder of one operation in the quarantine.
func operationFolder(operation string) string {
	name := filepath.Base((&Config{}).manifestFile(operation))
	return name[:len(name)-len(".jsonl")]
}

// keep copies a file into the quarantine, and returns when it is on disk.
func keep(dir int, name, folder string, index int, original string) (to string, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	from := os.NewFile(uintptr(fd), name)
	defer from.Close()
	to = filepath.Join(folder, fmt.Sprintf("%06d-%s", index, original))
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(copied, from)
	if err = errors.Join(err, copied.Sync(), copied.Close(), syncDirectory(folder)); err != nil {
		return "", errors.Join(err, os.Remove(to))
	}
	return to, nil
}
