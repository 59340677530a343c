// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

const (
	journalTime  = 5 * time.Second
	mostLine     = 400      // bytes of one line
	mostJournal  = 32 << 10 // bytes in all, the newest
	mostRead     = 1 << 20  // bytes taken from journalctl
	journalProgr = "journalctl"
)

// journal returns the last lines that a unit and the manager about it logged,
// oldest first, or why they cannot be read. It runs journalctl with arguments
// that are fixed but for a number and a name that unitOf has checked, without
// a shell: the library that reads journals needs cgo.
func (e *systemdExtension) journal(ctx context.Context, u unit, lines int) string {
	ctx, cancel := context.WithTimeout(ctx, journalTime)
	defer cancel()
	args := []string{"--quiet", "--no-pager", "--output=short-iso", "--lines=" + strconv.Itoa(lines)}
	if e.cfg.JournalDirectory != "" {
		args = append(args, "--directory="+e.cfg.JournalDirectory)
	}
	field, about := "_SYSTEMD_UNIT=", "UNIT="
	if e.cfg.Scope == ScopeUser {
		field, about = "_SYSTEMD_USER_UNIT=", "USER_UNIT="
	}
	cmd := exec.CommandContext(ctx, journalProgr, append(args, field+u.name, "+", about+u.name)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	cmd.WaitDelay = time.Second
	var problem bytes.Buffer
	cmd.Stderr = &limited{buffer: &problem, left: 1 << 10}
	var out bytes.Buffer
	cmd.Stdout = &limited{buffer: &out, left: mostRead}
	if err := cmd.Run(); err != nil {
		return "unreadable: " + actuator.Clean(strings.TrimSpace(err.Error()+" "+problem.String()), 300)
	}
	return lastLines(out.String(), lines)
}

// lastLines keeps the newest lines that fit, each safe to show.
func lastLines(text string, most int) string {
	text = strings.Trim(text, "\n")
	if text == "" {
		return "no lines"
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-most):]
	size, first := 0, len(lines)
	for first > 0 {
		line := actuator.Clean(lines[first-1], mostLine)
		if size += len(line) + 1; size > mostJournal {
			break
		}
		first--
		lines[first] = line
	}
	return strings.Join(lines[first:], "\n")
}

var errFull = errors.New("more output than can be used")

// limited is a buffer with an end.
type limited struct {
	buffer io.Writer
	left   int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errFull
	}
	l.left -= len(p)
	return l.buffer.Write(p)
}
