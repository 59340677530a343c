// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrGone is returned for a process that does not exist, or no longer.
var ErrGone = errors.New("no such process")

// mostRead bounds what is read of any file: a process chooses the length of
// its own command line.
const mostRead = 1 << 20

func file(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, gone(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostRead))
	return text, gone(err)
}

// gone turns the two ways in which the kernel says so into ErrGone.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// ReadStat returns Stat of a process.
func ReadStat(pid int) (Stat, error) {
	text, err := read(file(pid, "stat"))
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(text)
}

// ReadStatus returns Status of a process.
func ReadStatus(pid int) (Status, error) {
	text, err := read(file(pid, "status"))
	if err != nil {
		return Status{}, err
	}
	return ParseStatus(text)
}

// Executable returns the path of the program that a process runs, without the
// mark that the kernel adds when the file was replaced. It errs for kernel
// threads and where the rights of ptrace(2) are missing.
func Executable(pid int) (string, error) {
	name, err := os.Readlink(file(pid, "exe"))
	return strings.TrimSuffix(name, " (deleted)"), err
}

// Command returns the arguments of a process, the first being what it calls
// itself. Empty for kernel threads and dead processes.
func Command(pid int) ([]string, error) {
	text, err := read(file(pid, "cmdline"))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// Environment returns the variables that a process was started with, or an
// error where the rights of ptrace(2) are missing.
func Environment(pid int) ([]string, error) {
	text, err := read(file(pid, "environ"))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// Cgroup returns the path of the control group of a process: that of the
// unified hierarchy, or where it says nothing, of the one systemd names.
func Cgroup(pid int) (string, error) {
	text, err := read(file(pid, "cgroup"))
	if err != nil {
		return "", err
	}
	found := ""
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "name=systemd" || (parts[0] == "0" && parts[2] != "/") || found == "" {
			found = parts[2]
		}
	}
	return found, nil
}

// OpenFiles counts the file descriptors of a process.
func OpenFiles(pid int) (int, error) {
	entries, err := numbered(file(pid, "fd"))
	return len(entries), err
}

// Threads returns the thread ids of a process.
func Threads(pid int) ([]int, error) { return numbered(file(pid, "task")) }

// ThreadNice returns the niceness of one thread of a process.
func ThreadNice(pid, thread int) (int, error) {
	text, err := read(path.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(thread), "stat"))
	if err != nil {
		return 0, err
	}
	s, err := ParseStat(text)
	return s.Nice, err
}

// List returns the ids of all processes, in ascending order.
func List() ([]int, error) { return numbered("/proc") }

func numbered(dir string) ([]int, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, gone(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	numbers := make([]int, 0, len(names))
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, gone(err)
}

// BootID returns the id of this boot of the kernel.
func BootID() (string, error) {
	text, err := read("/proc/sys/kernel/random/boot_id")
	return string(bytes.TrimSpace(text)), err
}

// Host is the state of the whole machine.
type Host struct {
	Boot time.Time // as the kernel derives it from the clock now
	Busy uint64    // CPU time in use since boot, ticks: not idle, not waiting, not stolen
}

// ReadHost returns Host.
func ReadHost() (Host, error) {
	text, err := read("/proc/stat")
	if err != nil {
		return Host{}, err
	}
	return ParseHost(text)
}

var errHost = errors.New("not the format of /proc/stat")

// ParseHost reads the content of /proc/stat. Guest time is part of user time
// and not counted twice.
func ParseHost(text []byte) (Host, error) {
	var h Host
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			continue
		}
		switch string(fields[0]) {
		case "cpu":
			if len(fields) < 8 {
				return Host{}, errHost
			}
			for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, irq, softirq
				n, err := strconv.ParseUint(string(fields[i]), 10, 63)
				if err != nil {
					return Host{}, fmt.Errorf("%w: %w", errHost, err)
				}
				h.Busy += n
			}
		case "btime":
			if len(fields) < 2 {
				return Host{}, errHost
			}
			n, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err != nil {
				return Host{}, fmt.Errorf("%w: %w", errHost, err)
			}
			h.Boot = time.Unix(n, 0)
		}
	}
	if h.Boot.IsZero() {
		return Host{}, errHost
	}
	return h, nil
}

// UsedMemory returns the bytes of memory and swap that are in use and cannot
// be had by dropping caches.
func UsedMemory() (int64, error) {
	text, err := read("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return ParseUsedMemory(text)
}

var errMemory = errors.New("not the format of /proc/meminfo")

// ParseUsedMemory reads the content of /proc/meminfo.
func ParseUsedMemory(text []byte) (int64, error) {
	values := map[string]int64{}
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(line, []byte{':'})
		fields := bytes.Fields(value)
		if !ok || len(fields) == 0 {
			continue
		}
		n, err := kibibytes(fields)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errMemory, err)
		}
		values[string(key)] = n
	}
	used := values["MemTotal"] - values["MemAvailable"] + values["SwapTotal"] - values["SwapFree"]
	if values["MemTotal"] <= 0 || used < 0 {
		return 0, errMemory
	}
	return used, nil
}
