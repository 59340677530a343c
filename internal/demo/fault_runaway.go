// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// hogName is what stress-ng calls the workers that burn a core.
const hogName = "stress-ng-cpu"

// runaway is a process in its own session that burns a core. A second one
// that is idle stands beside it and must survive.
type runaway struct {
	hog  *exec.Cmd
	idle *exec.Cmd
	out  strings.Builder
}

func (*runaway) title() string { return "runaway process" }
func (*runaway) class() string { return "runaway_process" }

func (r *runaway) prepare() error {
	if _, err := exec.LookPath("stress-ng"); err != nil {
		return errors.New("stress-ng is not installed (apt install stress-ng)")
	}
	r.idle = inOwnSession("sleep", "3600")
	return r.idle.Start()
}

func (r *runaway) inject() error {
	r.hog = inOwnSession("stress-ng", "--cpu", "1", "--timeout", "600", "--quiet")
	r.hog.Stdout, r.hog.Stderr = &r.out, &r.out
	return r.hog.Start()
}

// broken looks for a worker that runs: a zombie burns nothing.
func (*runaway) broken() (bool, error) {
	pids, err := processesNamed(hogName)
	return len(pids) > 0, err
}

func (*runaway) evidence() string { return "no " + hogName + " process left" }

func (r *runaway) untouched() error {
	if err := r.idle.Process.Signal(syscall.Signal(0)); err != nil {
		return fmt.Errorf("the idle process beside the hog is gone: %w", err)
	}
	return nil
}

func (r *runaway) heal() error {
	for _, cmd := range []*exec.Cmd{r.hog, r.idle} {
		if cmd == nil || cmd.Process == nil {
			continue
		}
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		_ = cmd.Wait() // ended by our signal
	}
	return nil
}

func inOwnSession(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// processesNamed lists the pids of live processes with this command name, as
// the kernel has it.
func processesNamed(name string) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended since the listing
		}
		// pid (comm) state …, where comm may hold blanks and parentheses.
		before, after, ok := cutLast(string(text), ") ")
		if _, comm, found := strings.Cut(before, " ("); !ok || !found || comm != name || strings.HasPrefix(after, "Z") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
