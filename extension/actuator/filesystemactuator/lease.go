// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var errOpen = errors.New("open")

// pinned is the very file that was listed, held so that its inode cannot be
// given to another, and leased where the kernel allows it.
type pinned struct{ *os.File }

// pin opens the listed file. A write lease (fcntl(2), F_SETLEASE) is granted
// only while nobody else on the host, in whatever namespace, has the file
// open, and whoever opens it then waits until the lease is given back. The
// owner of a file and CAP_LEASE may take one; without one the scan of /proc
// is all that is known, which will not do when it was blind.
func (t *tree) pin(dir int, name string, f file, blind bool) (pinned, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: resolveBeneath}
	path, err := unix.Openat2(dir, name, &how)
	if err != nil {
		return pinned{}, fmt.Errorf("%w: %w", errGone, err)
	}
	held := os.NewFile(uintptr(path), name)
	var s unix.Stat_t
	if err := unix.Fstat(path, &s); err != nil || !f.same(&s, t.dev) {
		_ = held.Close()
		return pinned{}, errChanged
	}
	// By descriptor: what is opened is what was compared, never a device or
	// a pipe that took its name since.
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return unleased(held, blind, err)
	}
	readable := os.NewFile(uintptr(fd), name)
	_ = held.Close()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return unleased(readable, blind, err)
	}
	return pinned{readable}, nil
}

func unleased(held *os.File, blind bool, err error) (pinned, error) {
	if blind || errors.Is(err, unix.EAGAIN) {
		return pinned{}, errors.Join(fmt.Errorf("%w: %w", errOpen, err), held.Close())
	}
	return pinned{held}, nil
}
