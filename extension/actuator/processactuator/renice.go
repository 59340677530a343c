// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// Values that renice keeps for Undo: the niceness of the process, and of each
// thread that has another one, as nice.<thread id>.
const (
	valueNice       = "nice"
	valueThreadNice = "nice."
	mostThreads     = 4096 // a process with more is refused
)

func (e *processExtension) renice() actuator.Verb {
	return actuator.Verb{Spec: specRenice, Plan: e.planRenice, Execute: e.runRenice, Undo: e.undoRenice}
}

func (e *processExtension) planRenice(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
	p, share, err := e.resolve(ctx, req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	if why := e.protected(p); why != "" {
		return actuator.Preview{}, fmt.Errorf("%w: %s: %s", actuator.ErrProtected, p, why)
	}
	before, err := niceness(p.stat.PID)
	if err != nil {
		return actuator.Preview{}, err
	}
	want := int(req.Params[paramNice].(int64))
	preview := actuator.Preview{
		Identity: p.identity(), Target: p.String(), Contribution: share, Before: before,
		Effects: []string{fmt.Sprintf("sets the niceness of %s and its %d threads to %d, now %s", p, p.stat.Threads, want, before[valueNice])},
	}
	if code, text := reniceBlocker(p, want); code != "" {
		preview.Blockers = []actuator.Blocker{{Code: code, Text: text}}
	}
	return preview, nil
}

// reniceBlocker asks what sched(7) demands: the rights over the process, and
// for a higher priority, now or when it is given back, CAP_SYS_NICE or
// RLIMIT_NICE.
func reniceBlocker(p subject, want int) (code, text string) {
	floor := niceFloor()
	mine := unix.Geteuid() == 0 || unix.Geteuid() == p.uid
	switch {
	case !mine:
		return actuator.BlockerNoPermission, fmt.Sprintf("%s belongs to another user, which needs CAP_SYS_NICE", p)
	case want < p.stat.Nice && want < floor:
		return actuator.BlockerNoPermission, fmt.Sprintf("a niceness of %d needs CAP_SYS_NICE", want)
	case want > p.stat.Nice && p.stat.Nice < floor:
		return "cannot_undo", fmt.Sprintf("the niceness of %s could not be set back to %d without CAP_SYS_NICE", p, p.stat.Nice)
	}
	return "", ""
}

// niceFloor is the lowest niceness that this process may set.
func niceFloor() int {
	if hasCapability(unix.CAP_SYS_NICE) {
		return -20
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NICE, &limit); err != nil {
		return 20
	}
	return 20 - int(min(limit.Cur, 40)) // getrlimit(2): the ceiling is 20 - rlim_cur
}

func hasCapability(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}

func (e *processExtension) runRenice(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	h, err := hold(req)
	if err != nil {
		return actuator.Result{Outcome: actuator.Refused}, err
	}
	defer h.handle.close()
	if why := e.protected(h.subject); why != "" {
		return actuator.Result{Outcome: actuator.Refused}, fmt.Errorf("%w: %s: %s", actuator.ErrProtected, h.subject, why)
	}
	want := int(req.Params[paramNice].(int64))
	if _, text := reniceBlocker(h.subject, want); text != "" {
		return actuator.Result{Outcome: actuator.Refused}, fmt.Errorf("%w: %s", actuator.ErrBlocked, text)
	}
	before, err := niceness(h.subject.stat.PID)
	if err != nil {
		return actuator.Result{Outcome: actuator.Refused}, err
	}
	changed, err := setNiceness(ctx, h, func(int) (int, bool) { return want, true })
	return niceResult(changed, err, actuator.Result{
		Detail: fmt.Sprintf("set the niceness of %s from %s to %d on %d threads", h.subject, before[valueNice], want, changed),
		Before: before,
		After:  map[string]string{valueNice: strconv.Itoa(want)},
		Facts:  map[string]string{"threads": strconv.Itoa(changed)},
	})
}

func (e *processExtension) undoRenice(ctx context.Context, req actuator.Request, done actuator.Result) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	h, err := hold(req)
	if err != nil {
		return refused, err
	}
	defer h.handle.close()
	ours, errOurs := strconv.Atoi(done.After[valueNice])
	previous, errPrevious := strconv.Atoi(done.Before[valueNice])
	if errOurs != nil || errPrevious != nil || previous < -20 || previous > 19 {
		return refused, fmt.Errorf("%w: the result to undo carries no niceness", actuator.ErrParams)
	}
	if h.subject.stat.Nice != ours {
		return refused, fmt.Errorf("%w: the niceness of %s is %d, we had set %d", actuator.ErrForeignChange, h.subject, h.subject.stat.Nice, ours)
	}
	pid := h.subject.stat.PID
	changed, err := setNiceness(ctx, h, func(thread int) (int, bool) {
		if now, err := procfs.ThreadNice(pid, thread); err != nil || now != ours {
			return 0, false // somebody else set this thread since
		}
		if own, err := strconv.Atoi(done.Before[valueThreadNice+strconv.Itoa(thread)]); err == nil {
			return own, true
		}
		return previous, true
	})
	return niceResult(changed, err, actuator.Result{
		Detail: fmt.Sprintf("set the niceness of %s back to %d on %d threads", h.subject, previous, changed),
		Before: map[string]string{valueNice: strconv.Itoa(ours)},
		After:  map[string]string{valueNice: strconv.Itoa(previous)},
	})
}

// niceResult tells a refusal that touched nothing from one half way through.
func niceResult(changed int, err error, result actuator.Result) (actuator.Result, error) {
	switch {
	case err == nil:
		result.Outcome = actuator.Applied
	case changed == 0:
		result = actuator.Result{Outcome: actuator.NotApplied}
	default:
		result.Outcome = actuator.Unknown
	}
	return result, err
}

// niceness reads the niceness of a process and of each thread that differs.
func niceness(pid int) (map[string]string, error) {
	nice, err := procfs.ThreadNice(pid, pid)
	if err != nil {
		return nil, notFound(pid, err)
	}
	threads, err := procfs.Threads(pid)
	if err != nil {
		return nil, notFound(pid, err)
	}
	if len(threads) > mostThreads {
		return nil, fmt.Errorf("%w: process %d has %d threads, at most %d can be set and put back", actuator.ErrBlocked, pid, len(threads), mostThreads)
	}
	values := map[string]string{valueNice: strconv.Itoa(nice)}
	for _, thread := range threads {
		if own, err := procfs.ThreadNice(pid, thread); err == nil && own != nice {
			values[valueThreadNice+strconv.Itoa(thread)] = strconv.Itoa(own)
		}
	}
	return values, nil
}

// setNiceness sets each thread of a process to what choose says. Linux keeps
// the niceness for each thread, and knows no call that takes a pidfd, so the
// pidfd is asked before each call whether the process still lives: while it
// does, its thread ids belong to nobody else.
func setNiceness(ctx context.Context, h held, choose func(thread int) (int, bool)) (changed int, err error) {
	threads, err := procfs.Threads(h.subject.stat.PID)
	if err != nil {
		return 0, notFound(h.subject.stat.PID, err)
	}
	var problems []string
	for _, thread := range threads {
		if err := ctx.Err(); err != nil {
			return changed, err
		}
		nice, ok := choose(thread)
		if !ok {
			continue
		}
		if h.handle.ended() {
			return changed, fmt.Errorf("%w: %s has ended", actuator.ErrIdentityChanged, h.subject)
		}
		switch err := unix.Setpriority(unix.PRIO_PROCESS, thread, nice); {
		case err == nil:
			changed++
		case errors.Is(err, unix.ESRCH): // the thread ended meanwhile
		default:
			problems = append(problems, err.Error())
		}
	}
	if len(problems) > 0 {
		return changed, fmt.Errorf("%w: %d threads of %s: %s", actuator.ErrBlocked, len(problems), h.subject, strings.Join(problems[:min(3, len(problems))], "; "))
	}
	return changed, nil
}
