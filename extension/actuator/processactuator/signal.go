// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

var signals = map[string]unix.Signal{
	"TERM": unix.SIGTERM, "KILL": unix.SIGKILL, "INT": unix.SIGINT, "HUP": unix.SIGHUP, "STOP": unix.SIGSTOP, "CONT": unix.SIGCONT,
}

// killWait is how long the kernel is given to end a process after KILL.
const killWait = 10 * time.Second

// ends reports whether a signal is sent to end the process.
func ends(sig unix.Signal) bool {
	return sig == unix.SIGTERM || sig == unix.SIGKILL || sig == unix.SIGINT
}

func (e *processExtension) signal() actuator.Verb {
	return actuator.Verb{Spec: specSignal, Plan: e.planSignal, Execute: e.runSignal, Probe: e.probeSignal}
}

func (e *processExtension) planSignal(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
	p, share, err := e.resolve(ctx, req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	if why := e.protected(p); why != "" {
		return actuator.Preview{}, fmt.Errorf("%w: %s: %s", actuator.ErrProtected, p, why)
	}
	name := req.Params[paramSig].(string)
	preview := actuator.Preview{
		Identity: p.identity(), Target: p.String(), Contribution: share,
		Effects: []string{fmt.Sprintf("sends %s to %s", name, p)},
	}
	grace := req.Params[paramGrace].(time.Duration)
	switch {
	case req.Params[paramKill].(bool) && signals[name] != unix.SIGKILL && ends(signals[name]):
		preview.Effects = append(preview.Effects, fmt.Sprintf("sends KILL if it still runs %s later", grace))
	case req.Params[paramKill].(bool):
		return actuator.Preview{}, fmt.Errorf("%w: %s: %s goes with TERM and INT only, not with %s", actuator.ErrParams, req.Verb, paramKill, name)
	}
	if blocked := e.signalBlocker(p); blocked != nil {
		preview.Blockers = []actuator.Blocker{*blocked}
	}
	return preview, nil
}

// signalBlocker finds out whether a signal could be sent and could work.
func (e *processExtension) signalBlocker(p subject) *actuator.Blocker {
	if p.stat.State == 'D' {
		return &actuator.Blocker{
			Code: actuator.BlockerUnresponsive,
			Text: fmt.Sprintf("%s is in uninterruptible sleep, no signal reaches it", p),
		}
	}
	h, err := open(p.stat.PID)
	if err != nil {
		return &actuator.Blocker{Code: actuator.BlockerUnresponsive, Text: actuator.Clean(err.Error(), 200)}
	}
	defer h.close()
	if errors.Is(h.signal(0), unix.EPERM) {
		return &actuator.Blocker{
			Code: actuator.BlockerNoPermission,
			Text: fmt.Sprintf("%s belongs to another user, which needs CAP_KILL", p),
		}
	}
	return nil
}

func (e *processExtension) runSignal(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	name := req.Params[paramSig].(string)
	if req.Params[paramKill].(bool) && (!ends(signals[name]) || signals[name] == unix.SIGKILL) {
		return refused, fmt.Errorf("%w: %s: %s goes with TERM and INT only, not with %s", actuator.ErrParams, req.Verb, paramKill, name)
	}
	h, err := hold(req)
	if err != nil {
		return refused, err
	}
	defer h.handle.close()
	if why := e.protected(h.subject); why != "" {
		return refused, fmt.Errorf("%w: %s: %s", actuator.ErrProtected, h.subject, why)
	}
	if h.subject.stat.State == 'D' {
		return refused, fmt.Errorf("%w: %s is in uninterruptible sleep, no signal reaches it", actuator.ErrBlocked, h.subject)
	}
	if err := ctx.Err(); err != nil {
		return refused, err
	}
	return deliver(ctx, h, delivery{
		signal: signals[name], name: name,
		grace: req.Params[paramGrace].(time.Duration), kill: req.Params[paramKill].(bool),
	})
}

// delivery is what is sent, and how its end is awaited.
type delivery struct {
	signal unix.Signal
	name   string
	grace  time.Duration
	kill   bool // KILL follows when the process outlives the grace
}

// deliver sends the signal through the pidfd, which cannot hit another
// process, and waits for the end where the signal asks for one.
func deliver(ctx context.Context, h held, d delivery) (actuator.Result, error) {
	began := time.Now()
	switch err := h.handle.signal(d.signal); {
	case errors.Is(err, unix.ESRCH):
		return actuator.Result{Outcome: actuator.Refused}, fmt.Errorf("%w: %s has ended", actuator.ErrIdentityChanged, h.subject)
	case err != nil:
		return actuator.Result{Outcome: actuator.Refused}, fmt.Errorf("%w: %s to %s: %w", actuator.ErrBlocked, d.name, h.subject, err)
	}
	result := actuator.Result{
		Outcome: actuator.Applied, Detail: fmt.Sprintf("sent %s to %s", d.name, h.subject),
		Facts: map[string]string{"signal": d.name},
	}
	if !ends(d.signal) {
		result.Facts["state"] = heeded(ctx, h, d.signal)
		result.Detail += ", which is " + result.Facts["state"]
		return result, nil
	}
	ended, err := h.handle.waitFor(ctx, d.grace)
	if !ended && err == nil && d.kill {
		if err := h.handle.signal(unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return result, fmt.Errorf("%w: KILL to %s: %w", actuator.ErrBlocked, h.subject, err)
		}
		result.Facts["signal"] = d.name + ", KILL"
		result.Detail += ", then KILL"
		ended, err = h.handle.waitFor(ctx, killWait)
	}
	result.Facts["ended"] = strconv.FormatBool(ended)
	if ended {
		after := time.Since(began).Round(time.Millisecond)
		result.Facts["ended_after"] = after.String()
		result.Detail += fmt.Sprintf("; it ended after %s", after)
		return result, nil
	}
	result.Detail += "; it still runs"
	if err != nil && d.kill && result.Facts["signal"] == d.name {
		result.Outcome = actuator.Unknown // cut off before the KILL that was promised
		return result, err
	}
	return result, nil
}

// heedWait is how long a process may take to act on STOP or CONT: it has to
// be scheduled once.
const heedWait = time.Second

// heeded waits until STOP or CONT shows in the state of the process and
// returns the state in words.
func heeded(ctx context.Context, h held, sig unix.Signal) string {
	limited, cancel := context.WithTimeout(ctx, heedWait)
	defer cancel()
	for {
		stat, err := procfs.ReadStat(h.subject.stat.PID)
		if err != nil || h.handle.ended() {
			return "gone"
		}
		stopped := stat.State == 'T'
		if sig == unix.SIGHUP || stopped == (sig == unix.SIGSTOP) || pause(limited, 2*time.Millisecond) != nil {
			return stateName(stat.State)
		}
	}
}

func (e *processExtension) probeSignal(_ context.Context, req actuator.Request) (actuator.Outcome, error) {
	sig := signals[req.Params[paramSig].(string)]
	pid, err := strconv.ParseInt(req.Identity[idPID], 10, 32)
	if err != nil || pid < 1 {
		return actuator.Unknown, fmt.Errorf("%w: the request carries no process id", actuator.ErrParams)
	}
	// The pending set is read before the state: a signal that is acted on in
	// between is then seen in one or the other.
	status, err := procfs.ReadStatus(int(pid))
	if err != nil && !errors.Is(err, procfs.ErrGone) {
		return actuator.Unknown, err
	}
	p, err := look(int(pid))
	gone := errors.Is(err, actuator.ErrNotFound)
	if err != nil && !gone {
		return actuator.Unknown, err
	}
	if gone || p.stat.Dead() || !sameProcess(p, req.Identity) {
		if ends(sig) {
			return actuator.Applied, nil
		}
		return actuator.Unknown, nil
	}
	return reached(sig, p.stat.State, status), nil
}

// sameProcess compares without the executable: a process that replaced its
// program since is still the one that was signalled.
func sameProcess(p subject, id actuator.Identity) bool {
	if id[idInode] != "" && id[idInode] != strconv.FormatUint(p.inode, 10) {
		return false
	}
	return p.boot == id[idBoot] && strconv.FormatUint(p.stat.Start, 10) == id[idStart]
}

// reached judges from what the kernel shows of a living process whether a
// signal was sent to it: it was when it is pending, or when the process is in
// the state that the signal puts it into; it was not when it would have ended
// the process and could not have been caught, ignored or blocked. The first
// process of a container ignores what it does not catch, except KILL.
func reached(sig unix.Signal, state byte, s procfs.Status) actuator.Outcome {
	bit := uint64(1) << (uint(sig) - 1)
	switch {
	case s.Pending&bit != 0:
		return actuator.Applied
	case sig == unix.SIGSTOP && state == 'T':
		return actuator.Applied
	case s.Namespace == 1 && sig != unix.SIGKILL:
		return actuator.Unknown
	case ends(sig) && (s.Ignored|s.Caught|s.Blocked)&bit == 0:
		return actuator.NotApplied
	}
	return actuator.Unknown
}
