// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// states puts the letters of proc_pid_stat(5) into words.
var states = map[byte]string{
	'R': "running", 'S': "sleeping", 'D': "in uninterruptible sleep", 'Z': "dead, not collected", 'T': "stopped",
	't': "stopped by a debugger", 'X': "dead", 'x': "dead", 'I': "idle",
}

func stateName(state byte) string {
	if name, ok := states[state]; ok {
		return name
	}
	return "unknown"
}

func (e *processExtension) explain() actuator.Verb {
	return actuator.Verb{Spec: specExplain, Plan: e.planExplain, Execute: e.runExplain}
}

func (e *processExtension) planExplain(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
	p, share, err := e.resolve(ctx, req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	return actuator.Preview{
		Identity: p.identity(), Target: p.String(), Contribution: share,
		Effects: []string{"reads what the kernel tells about " + p.String()},
	}, nil
}

func (e *processExtension) runExplain(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	h, err := hold(req)
	if err != nil {
		return actuator.Result{Outcome: actuator.Refused}, err
	}
	defer h.handle.close()
	facts, err := e.facts(ctx, h.subject)
	if err != nil {
		return actuator.Result{Outcome: actuator.NotApplied}, err
	}
	return actuator.Result{
		Outcome: actuator.Applied, Facts: facts,
		Detail: fmt.Sprintf("%s is %s, uses %s of one CPU and %s bytes of memory", h.subject, facts["state"], facts["cpu"], facts["memory.resident"]),
	}, nil
}

// facts gathers evidence. What may not be read says so: a missing fact is
// never a zero.
func (e *processExtension) facts(ctx context.Context, p subject) (map[string]string, error) {
	pid := p.stat.PID
	before, err := procfs.ReadStat(pid)
	if err != nil {
		return nil, notFound(pid, err)
	}
	began := time.Now()
	if err := pause(ctx, e.cfg.SampleWindow); err != nil {
		return nil, err
	}
	after, err := procfs.ReadStat(pid)
	if err != nil {
		return nil, notFound(pid, err)
	}
	host, err := procfs.ReadHost()
	if err != nil {
		return nil, err
	}
	seconds := float64(after.CPU()-before.CPU()) / procfs.TicksPerSecond
	facts := map[string]string{
		"pid":        strconv.Itoa(pid),
		"executable": orUnreadable(p.executable),
		"comm":       actuator.Clean(after.Comm, 64),
		"owner":      actuator.Clean(p.owner(), 64),
		"state":      stateName(after.State),
		"threads":    strconv.Itoa(after.Threads),
		"nice":       strconv.Itoa(after.Nice),
		"started":    p.started(host.Boot).UTC().Format(time.RFC3339),
		"cpu":        fmt.Sprintf("%.0f%%", 100*seconds/time.Since(began).Seconds()),
		"cpu.total":  fmt.Sprintf("%.2fs", float64(after.CPU())/procfs.TicksPerSecond),
		"parents":    parents(pid),
	}
	tell(facts, "memory.resident", func() (string, error) {
		return strconv.FormatInt(after.RSS*pageSize, 10), nil
	})
	tell(facts, "command", func() (string, error) {
		args, err := procfs.Command(pid)
		return commandLine(args), err
	})
	tell(facts, "cgroup", func() (string, error) {
		group, err := procfs.Cgroup(pid)
		return actuator.Clean(group, 512), err
	})
	tell(facts, "open_files", func() (string, error) {
		n, err := procfs.OpenFiles(pid)
		return strconv.Itoa(n), err
	})
	status, err := procfs.ReadStatus(pid)
	tell(facts, "memory.private", func() (string, error) { return strconv.FormatInt(status.Private, 10), err })
	tell(facts, "memory.swapped", func() (string, error) { return strconv.FormatInt(status.Swap, 10), err })
	if err == nil && status.Namespace != pid && status.Namespace != 0 {
		facts["pid.in_container"] = strconv.Itoa(status.Namespace)
	}
	if why := e.protected(p); why != "" {
		facts["protected"] = why
	}
	return facts, nil
}

func tell(facts map[string]string, key string, read func() (string, error)) {
	value, err := read()
	if err != nil {
		value = "unreadable: " + actuator.Clean(err.Error(), 128)
	}
	facts[key] = value
}

func orUnreadable(path string) string {
	if path == "" {
		return "unreadable"
	}
	return actuator.Clean(path, 512)
}

// parents names the ancestors of a process, nearest first.
func parents(pid int) string {
	var out []string
	for _, ancestor := range ancestry(pid)[1:] {
		out = append(out, fmt.Sprintf("%s[%d]", actuator.Clean(programName(ancestor), 64), ancestor))
	}
	return strings.Join(out, " < ")
}
