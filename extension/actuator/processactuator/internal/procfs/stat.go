// SPDX-License-Identifier: Apache-2.0

// Package procfs reads what the kernel tells about processes in /proc. It
// parses only what the process actuator needs, bounds what it reads, and
// tells a process that is gone from one that may not be looked at.
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// TicksPerSecond is USER_HZ, the unit of times in /proc/PID/stat. The kernel
// fixes it to 100 on every architecture that Go supports.
const TicksPerSecond = 100

// flagKernelThread is PF_KTHREAD of include/linux/sched.h.
const flagKernelThread = 0x00200000

// Stat is what /proc/PID/stat tells; proc_pid_stat(5) numbers the fields.
type Stat struct {
	PID     int
	Comm    string // at most 15 bytes, chosen by the process: hostile
	State   byte   // R, S, D, Z, T, t, X, I …
	Parent  int
	Session int
	TTY     int
	Flags   uint64
	User    uint64 // CPU time in user mode, ticks
	System  uint64 // CPU time in the kernel, ticks
	Nice    int
	Threads int
	Start   uint64 // ticks after boot
	RSS     int64  // pages
}

// KernelThread reports whether it is part of the kernel.
func (s Stat) KernelThread() bool { return s.Flags&flagKernelThread != 0 }

// Dead reports whether it has ended and only waits to be collected.
func (s Stat) Dead() bool { return s.State == 'Z' || s.State == 'X' || s.State == 'x' }

// CPU is all CPU time it has used, in ticks.
func (s Stat) CPU() uint64 { return s.User + s.System }

var errFormat = errors.New("not the format of /proc/PID/stat")

// ParseStat reads the content of /proc/PID/stat. The second field is the name
// in parentheses, which may itself hold spaces, parentheses and newlines, so
// the last parenthesis ends it.
func ParseStat(text []byte) (Stat, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open || end+2 > len(text) {
		return Stat{}, errFormat
	}
	fields := bytes.Fields(text[end+1:]) // fields[0] is field 3, the state
	if len(fields) < 22 || len(fields[0]) != 1 || !isLetter(fields[0][0]) {
		return Stat{}, errFormat
	}
	p := parser{fields: fields}
	s := Stat{
		Comm:    string(text[open+1 : end]),
		State:   fields[0][0],
		Parent:  int(p.signed(4)),
		Session: int(p.signed(6)),
		TTY:     int(p.signed(7)),
		Flags:   p.unsigned(9),
		User:    p.unsigned(14),
		System:  p.unsigned(15),
		Nice:    int(p.signed(19)),
		Threads: int(p.signed(20)),
		Start:   p.unsigned(22),
		RSS:     p.signed(24),
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text[:open])))
	if err = errors.Join(err, p.err); err != nil {
		return Stat{}, fmt.Errorf("%w: %w", errFormat, err)
	}
	s.PID = pid
	return s, nil
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// parser reads numbers by their field number in proc_pid_stat(5) and keeps
// the first error.
type parser struct {
	fields [][]byte
	err    error
}

func (p *parser) signed(field int) int64 {
	n, err := strconv.ParseInt(string(p.fields[field-3]), 10, 64)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n
}

func (p *parser) unsigned(field int) uint64 {
	n, err := strconv.ParseUint(string(p.fields[field-3]), 10, 64)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n
}
