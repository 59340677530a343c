// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// Keys of the identity of a process.
const (
	idBoot       = "boot_id"
	idPID        = "pid"
	idStart      = "start_ticks"
	idExecutable = "executable"
	idInode      = "pidfd_inode" // where the kernel has pidfs
)

// subject is one process as it was found.
type subject struct {
	stat       procfs.Stat
	executable string // path; "" where it may not be read
	uid        int    // effective
	boot       string // id of this boot
	inode      uint64 // of its pidfd: unique in this boot; 0 before Linux 6.9
}

// look reads who has this process id now.
func look(pid int) (subject, error) {
	h, err := open(pid)
	if err != nil {
		return subject{}, notFound(pid, err)
	}
	defer h.close()
	return lookThrough(h, pid)
}

// lookThrough reads who the process is that the handle was opened on. The
// start time has a grain of 10 ms, within which an id could be used twice;
// the inode has none.
func lookThrough(h *handle, pid int) (subject, error) {
	stat, err := procfs.ReadStat(pid)
	if err != nil {
		return subject{}, notFound(pid, err)
	}
	status, err := procfs.ReadStatus(pid)
	if err != nil {
		return subject{}, notFound(pid, err)
	}
	boot, err := procfs.BootID()
	if err != nil {
		return subject{}, err
	}
	executable, err := procfs.Executable(pid)
	if err != nil {
		executable = ""
	}
	if h.ended() && !stat.Dead() {
		return subject{}, fmt.Errorf("%w: process %d has just ended", actuator.ErrNotFound, pid)
	}
	return subject{stat: stat, executable: executable, uid: status.UID, boot: boot, inode: h.inode()}, nil
}

func notFound(pid int, err error) error {
	if errors.Is(err, procfs.ErrGone) {
		return fmt.Errorf("%w: no process has the id %d", actuator.ErrNotFound, pid)
	}
	return fmt.Errorf("%w: process %d: %w", actuator.ErrNotFound, pid, err)
}

// name is the file name of the program. A process may call itself what it
// likes, so its own word counts only where the program cannot be read.
func (p subject) name() string {
	if p.executable != "" {
		return filepath.Base(p.executable)
	}
	return p.stat.Comm
}

// known reports whether name is what the program, or the process itself,
// goes by: receivers report one or the other.
func (p subject) known(name string) bool {
	return name == p.stat.Comm || (p.executable != "" && (name == filepath.Base(p.executable) || name == p.executable))
}

func (p subject) identity() actuator.Identity {
	executable := p.executable
	if executable == "" {
		executable = "unreadable:" + p.stat.Comm
	}
	id := actuator.Identity{
		idBoot:       p.boot,
		idPID:        strconv.Itoa(p.stat.PID),
		idStart:      strconv.FormatUint(p.stat.Start, 10),
		idExecutable: actuator.Clean(executable, 512),
	}
	if p.inode != 0 {
		id[idInode] = strconv.FormatUint(p.inode, 10)
	}
	return id
}

// owner is the name of the user, or the number where it has none.
func (p subject) owner() string {
	id := strconv.Itoa(p.uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// String is who it is, for people: nginx[812] of www-data.
func (p subject) String() string {
	return fmt.Sprintf("%s[%d] of %s", actuator.Clean(p.name(), 64), p.stat.PID, actuator.Clean(p.owner(), 32))
}

// started is when it began, by the clock of the host as it is now.
func (p subject) started(boot time.Time) time.Time {
	return boot.Add(time.Duration(p.stat.Start) * (time.Second / procfs.TicksPerSecond))
}
