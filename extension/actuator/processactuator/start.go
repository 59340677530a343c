// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

const (
	// newborn is how long a daemon is watched for a death right after its
	// birth: a bad option or a busy port shows within it.
	newborn = 400 * time.Millisecond

	// background is how long a daemon may take to write its pid file.
	background = 5 * time.Second

	// searchPath is the PATH of a daemon whose configuration sets none.
	searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

func (e *processExtension) start() actuator.Verb {
	return actuator.Verb{Spec: specStart, Plan: e.planStart, Execute: e.runStart, Probe: e.probeStart}
}

func (e *processExtension) planStart(_ context.Context, req actuator.Request) (actuator.Preview, error) {
	s, err := e.serviceNamed(req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	now, err := e.observe(s)
	if err != nil {
		return actuator.Preview{}, err
	}
	preview := actuator.Preview{
		Identity: now.identity(s), Target: "service " + s.name, Contribution: actuator.NoContribution,
		Effects: []string{fmt.Sprintf("starts %s as uid %d", commandLine(s.cfg.Command), s.uid)},
	}
	if blocker := startBlocker(s, now); blocker != nil {
		preview.Blockers = []actuator.Blocker{*blocker}
	}
	return preview, nil
}

func startBlocker(s service, now instance) *actuator.Blocker {
	if len(now.running) > 0 {
		return &actuator.Blocker{Code: actuator.BlockerNothingToDo, Text: fmt.Sprintf("service %s runs already: %s", s.name, names(now.running, 4))}
	}
	info, err := os.Stat(s.cfg.Command[0])
	switch {
	case err != nil:
		return &actuator.Blocker{Code: "not_executable", Text: actuator.Clean(err.Error(), 200)}
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return &actuator.Blocker{Code: "not_executable", Text: actuator.Clean(s.cfg.Command[0], 200) + " is not an executable file"}
	case info.Mode()&0o002 != 0:
		return &actuator.Blocker{Code: "unsafe_command", Text: actuator.Clean(s.cfg.Command[0], 200) + " may be changed by everybody"}
	}
	return nil
}

func (e *processExtension) runStart(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	s, err := e.serviceNamed(req.Target)
	if err != nil {
		return refused, err
	}
	release, err := e.lock(ctx, s.name)
	if err != nil {
		return refused, err
	}
	defer release()
	now, err := e.asPlanned(s, req)
	if err != nil {
		return refused, err
	}
	if blocker := startBlocker(s, now); blocker != nil {
		return refused, fmt.Errorf("%w: %s", actuator.ErrBlocked, blocker.Text)
	}
	if err := ctx.Err(); err != nil {
		return refused, err
	}
	r := record{
		Service: s.name, Phase: phaseStarting, Operation: req.Operation, BootID: now.boot,
		Command: s.cfg.Command, Changed: time.Now().UTC(),
	}
	if err := writeRecord(e.recordFile(s.name), r); err != nil {
		return refused, fmt.Errorf("%w: the record of %s: %w", actuator.ErrBlocked, s.name, err)
	}
	pid, err := spawn(s)
	if err != nil {
		r.Phase = phaseFailed
		return actuator.Result{Outcome: actuator.NotApplied}, errors.Join(
			fmt.Errorf("%w: %s", actuator.ErrBlocked, actuator.Clean(err.Error(), 400)), writeRecord(e.recordFile(s.name), r))
	}
	return e.born(ctx, s, r, pid)
}

// born watches a new daemon through its first moments and writes down who it
// is. The effect has taken place, whatever becomes of the daemon.
func (e *processExtension) born(ctx context.Context, s service, r record, pid int) (actuator.Result, error) {
	status := make(chan unix.WaitStatus, 1)
	stat, statErr := procfs.ReadStat(pid) // our child, not collected yet: it is there, dead or alive
	executable, err := procfs.Executable(pid)
	if err != nil {
		executable = "" // dead already
	}
	e.reap(pid, status)
	r.Phase, r.PID, r.StartTicks, r.Executable = phaseStarted, pid, stat.Start, executable
	writeErr := errors.Join(statErr, writeRecord(e.recordFile(s.name), r))
	result := actuator.Result{
		Outcome: actuator.Applied, Detail: fmt.Sprintf("started service %s as process %d", s.name, pid),
		Facts: map[string]string{"pid": strconv.Itoa(pid), "service": s.name},
	}
	if writeErr != nil {
		return result, fmt.Errorf("the record of %s: %s", s.name, actuator.Clean(writeErr.Error(), 400))
	}
	limit := newborn
	if s.cfg.PIDFile != "" {
		limit = background
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return result, nil
	case <-timer.C:
		return result, nil
	case end := <-status:
		if s.cfg.PIDFile != "" && end.ExitStatus() == 0 {
			return e.inBackground(ctx, s, r, result)
		}
		result.Facts["exit"] = exit(end)
		result.Detail += ", which ended at once: " + exit(end)
		return result, fmt.Errorf("service %s ended at once: %s", s.name, exit(end))
	}
}

// inBackground waits for the pid file of a daemon whose first process ended
// as it should, and keeps the process that goes on in the record.
func (e *processExtension) inBackground(ctx context.Context, s service, r record, result actuator.Result) (actuator.Result, error) {
	limited, cancel := context.WithTimeout(ctx, background)
	defer cancel()
	for {
		if pid := pidFile(s.cfg.PIDFile); pid != 0 && pid != r.PID {
			if p, err := look(pid); err == nil && !p.stat.Dead() && marked(pid, s.name) {
				r.PID, r.StartTicks, r.Executable = pid, p.stat.Start, p.executable
				result.Facts["pid"] = strconv.Itoa(pid)
				result.Detail = fmt.Sprintf("started service %s, in the background as process %d", s.name, pid)
				return result, writeRecord(e.recordFile(s.name), r)
			}
		}
		if err := pause(limited, lockRetry); err != nil {
			return result, fmt.Errorf("service %s went into the background but %s names no process of it", s.name, actuator.Clean(s.cfg.PIDFile, 200))
		}
	}
}

func exit(status unix.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// spawn creates the daemon in a session of its own, with nothing of the
// collector's: no environment, no open files, no terminal, no shell.
func spawn(s service) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	output := null
	if s.cfg.Output != "" {
		output, err = os.OpenFile(s.cfg.Output, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o640)
		if err != nil {
			return 0, err
		}
		defer output.Close()
	}
	environment := []string{"PATH=" + searchPath, markerService + "=" + s.name}
	for name, value := range s.cfg.Environment {
		if name == "PATH" {
			environment[0] = "PATH=" + value
			continue
		}
		environment = append(environment, name+"="+value)
	}
	slices.Sort(environment)
	directory := s.cfg.Directory
	if directory == "" {
		directory = "/"
	}
	attr := &os.ProcAttr{Dir: directory, Env: environment, Files: []*os.File{null, output, output}, Sys: &syscall.SysProcAttr{Setsid: true}}
	if s.switches {
		attr.Sys.Credential = &syscall.Credential{Uid: s.uid, Gid: s.gid, Groups: s.groups}
	}
	// Go closes its own files in a child; this catches those that whoever
	// started the collector had left open in it.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return 0, err
	}
	child, err := os.StartProcess(s.cfg.Command[0], s.cfg.Command, attr)
	if err != nil {
		return 0, err
	}
	pid = child.Pid
	return pid, child.Release()
}

// reap collects a child when it ends, so that it does not stay behind as a
// zombie, and tells how it ended. It stops waiting at Shutdown.
func (e *processExtension) reap(pid int, status chan<- unix.WaitStatus) {
	h, err := open(pid)
	if err != nil {
		e.logger.Warn("a daemon that was started cannot be watched", zap.Int("pid", pid), zap.Error(err))
		return
	}
	e.reapers.Go(func() {
		defer h.close()
		if h.wait(e.running) != nil {
			return
		}
		var end unix.WaitStatus
		if _, err := unix.Wait4(pid, &end, unix.WNOHANG, nil); err == nil && status != nil {
			status <- end
		}
		e.logger.Info("a daemon that was started has ended", zap.Int("pid", pid), zap.String("how", exit(end)))
	})
}

// asPlanned observes a service and proves that it is as it was planned for.
func (e *processExtension) asPlanned(s service, req actuator.Request) (instance, error) {
	now, err := e.observe(s)
	if err != nil {
		return instance{}, err
	}
	if id := now.identity(s); !id.Equal(req.Identity) {
		return instance{}, fmt.Errorf("%w: service %s: running is %s", actuator.ErrIdentityChanged, s.name, id[idRunning])
	}
	return now, nil
}

// probeStart reads the record. A record that stopped at starting means that
// the collector died around the creation: what runs decides.
func (e *processExtension) probeStart(_ context.Context, req actuator.Request) (actuator.Outcome, error) {
	s, err := e.serviceNamed(req.Target)
	if err != nil {
		return actuator.Unknown, err
	}
	now, err := e.observe(s)
	if err != nil {
		return actuator.Unknown, err
	}
	if now.record.Operation != req.Operation {
		return probedOther(now, s, req), nil
	}
	switch {
	case now.record.Phase == phaseStarted, len(now.running) > 0:
		return actuator.Applied, nil
	case now.record.Phase == phaseFailed:
		return actuator.NotApplied, nil
	}
	return actuator.Unknown, nil
}

// probedOther judges by a record that another operation wrote, or none did:
// as long as it is the one that was planned on, ours was never begun.
func probedOther(now instance, s service, req actuator.Request) actuator.Outcome {
	if now.identity(s)[idGeneration] == req.Identity[idGeneration] {
		return actuator.NotApplied
	}
	return actuator.Unknown
}
