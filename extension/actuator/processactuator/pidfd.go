// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// handle is a pidfd: it names one process for as long as it is open, even
// after the process has ended and its id belongs to another.
type handle struct {
	fd   int
	file *os.File // owns fd and lends it to the poller
}

// open returns a handle on whatever process has this id now. The caller must
// compare its start time before trusting that it is the one meant.
func open(pid int) (*handle, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL): // EINVAL: a thread, not a process
		return nil, fmt.Errorf("%w: %d", procfs.ErrGone, pid)
	case err != nil:
		return nil, fmt.Errorf("open a pidfd of %d: %w", pid, err)
	}
	return &handle{fd: fd, file: os.NewFile(uintptr(fd), "pidfd")}, nil
}

func (h *handle) close() { _ = h.file.Close() }

// signal sends a signal; 0 only checks that it may.
func (h *handle) signal(sig unix.Signal) error { return unix.PidfdSendSignal(h.fd, sig, nil, 0) }

// inode names the process uniquely for as long as the host runs. It is 0 on
// kernels older than 6.9, where all pidfds share one inode.
func (h *handle) inode() uint64 {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(h.fd, &fs); err != nil || fs.Type != unix.PID_FS_MAGIC {
		return 0
	}
	var stat unix.Stat_t
	if err := unix.Fstat(h.fd, &stat); err != nil {
		return 0
	}
	return stat.Ino
}

// ended reports whether the process has ended, collected or not.
func (h *handle) ended() bool {
	poll := []unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1
}

// wait returns nil once the process has ended, or the error of ctx.
func (h *handle) wait(ctx context.Context) error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = h.file.SetReadDeadline(time.Unix(1, 0))
	})
	err = raw.Read(func(uintptr) bool { return h.ended() })
	if !stop() {
		<-interrupted
		_ = h.file.SetReadDeadline(time.Time{})
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// waitFor is wait with a limit of its own; false means still alive.
func (h *handle) waitFor(ctx context.Context, limit time.Duration) (ended bool, err error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := h.wait(limited); err != nil {
		if ctx.Err() != nil {
			return h.ended(), ctx.Err()
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return h.ended(), nil
		}
		return h.ended(), err
	}
	return true, nil
}
