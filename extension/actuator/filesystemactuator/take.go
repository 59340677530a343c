// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

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
	for _, why := range []error{errChanged, errGone, errOpen, errQuarantine} {
		if errors.Is(err, why) {
			return why.Error()
		}
	}
	return errRemoval.Error()
}

// taking is what the removals of one operation have in common, and which it is.
type taking struct {
	quarantine string
	operation  string
	index      int
	blind      bool // not every process could be looked into
}

// take removes one file, or moves it to the quarantine and says where.
//
// A name can be given to another file between looking and removing, and Linux
// has no call that removes a file rather than a name. So the name is first
// moved aside, to one that nobody else knows, and what came along is compared
// with what was chosen: another file is put back. A directory that is full to
// the last byte may have no room for the other name; then the comparison
// immediately before unlinkat is all there is.
func (t *tree) take(ctx context.Context, f file, how taking) (to string, err error) {
	dir, err := t.directory(path.Dir(f.rel))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errChanged, err)
	}
	defer dir.Close()
	fd, name := int(dir.Fd()), path.Base(f.rel)

	held, err := t.pin(fd, name, f, how.blind)
	if err != nil {
		return "", err
	}
	defer held.Close()
	if how.quarantine != "" {
		if to, err = held.keep(ctx, how, f); err != nil {
			return "", fmt.Errorf("%w: %w", errQuarantine, err)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, os.Remove(to))
				to = ""
			}
		}()
	}

	aside := fmt.Sprintf(".homeostat-%d-%d", os.Getpid(), f.inode)
	err = unix.Renameat2(fd, name, fd, aside, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		aside, err = name, nil
	}
	if err != nil {
		return to, fmt.Errorf("%w: %w", errRemoval, err)
	}
	back := func(why error) error {
		if aside == name {
			return why
		}
		return errors.Join(why, unix.Renameat2(fd, aside, fd, name, unix.RENAME_NOREPLACE))
	}
	var s unix.Stat_t
	if err := unix.Fstatat(fd, aside, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil || !f.same(&s, t.dev) {
		return to, back(errChanged)
	}
	if err := unix.Unlinkat(fd, aside, 0); err != nil {
		return to, back(fmt.Errorf("%w: %w", errRemoval, err))
	}
	return to, nil
}
