// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// Variables in the environment of a started daemon by which it, and whatever
// it leaves behind, is recognised.
const (
	markerPrefix  = "HOMEOSTAT_"
	markerService = markerPrefix + "SERVICE"
)

// Keys of the identity of a service, beside boot_id.
const (
	idService    = "service"
	idGeneration = "generation" // who acted on it last, and what came of it
	idRunning    = "running"    // pid:start of what runs, or none
)

const nothingRuns = "none"

// service is one configured daemon.
type service struct {
	name     string
	cfg      ServiceConfig
	uid, gid uint32
	groups   []uint32
	switches bool // it runs as another user than the collector
}

// serviceNamed finds the service that a target means.
func (e *processExtension) serviceNamed(target actuator.Target) (service, error) {
	name := target.Attr[actuator.AttrService]
	cfg, ok := e.cfg.Services[name]
	if !ok {
		return service{}, fmt.Errorf(`%w: no service "%s" in the configuration`, actuator.ErrNotFound, actuator.Clean(name, 64))
	}
	return newService(name, cfg)
}

func newService(name string, cfg ServiceConfig) (service, error) {
	s := service{name: name, cfg: cfg, uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	if cfg.User == "" {
		return s, nil
	}
	u, err := user.Lookup(cfg.User)
	if err != nil {
		return service{}, fmt.Errorf("services::%s::user must be a user of this host (got %q): %w", name, cfg.User, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return service{}, err
	}
	if uint32(uid) == s.uid {
		return s, nil
	}
	if s.uid != 0 {
		return service{}, fmt.Errorf("services::%s::user must be empty or the collector's own, unless the collector runs as root (got %q)", name, cfg.User)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return service{}, err
	}
	for _, text := range append([]string{u.Gid}, groups...) {
		gid, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return service{}, err
		}
		s.groups = append(s.groups, uint32(gid))
	}
	s.uid, s.gid, s.switches = uint32(uid), s.groups[0], true
	return s, nil
}

// openServices makes the state directory, checks each service, and collects
// daemons that this process started before its configuration was reloaded.
func (e *processExtension) openServices() error {
	dir, err := filepath.Abs(e.cfg.StateDirectory)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state_directory must be a directory that the collector may write to (got %q): %w", e.cfg.StateDirectory, err)
	}
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return fmt.Errorf("state_directory must be a directory that the collector may write to (got %q): %w", e.cfg.StateDirectory, err)
	}
	for name, cfg := range e.cfg.Services {
		if _, err := newService(name, cfg); err != nil {
			return err
		}
		r, err := readRecord(e.recordFile(name))
		if err != nil || r.Phase != phaseStarted {
			continue // start and stop say what is wrong with it
		}
		if p, err := look(r.PID); err == nil && r.is(p) && p.stat.Parent == os.Getpid() {
			e.reap(r.PID, nil)
		}
	}
	return nil
}

func (r record) is(p subject) bool {
	return r.PID != 0 && r.BootID == p.boot && r.PID == p.stat.PID && r.StartTicks == p.stat.Start
}

// instance is what is known about a service at one moment.
type instance struct {
	record  record
	running []subject // without the children of one another
	boot    string
}

// observe finds out whether a service runs: by the process in its record, by
// its pid file, by its command line, or by the mark in its environment on a
// process of the same program, which finds those that renamed themselves.
func (e *processExtension) observe(s service) (instance, error) {
	in := instance{}
	var err error
	if in.boot, err = procfs.BootID(); err != nil {
		return in, err
	}
	if in.record, err = readRecord(e.recordFile(s.name)); err != nil {
		return in, fmt.Errorf("%w: %w", actuator.ErrBlocked, err)
	}
	pids, err := procfs.List()
	if err != nil {
		return in, err
	}
	written := pidFile(s.cfg.PIDFile)
	lines := commandLines(s.cfg.Command)
	program, err := filepath.EvalSymlinks(s.cfg.Command[0])
	if err != nil {
		program = s.cfg.Command[0]
	}
	for _, pid := range pids {
		if pid == os.Getpid() {
			continue
		}
		p, err := look(pid)
		if err != nil || p.stat.Dead() || p.stat.KernelThread() {
			continue
		}
		switch {
		case in.record.is(p):
		case uint32(p.uid) != s.uid && p.uid != 0:
			continue // nobody else can pass for the service
		case pid == written && (p.executable == program || marked(pid, s.name)):
		default:
			args, err := procfs.Command(pid)
			known := runs(args, lines) || (p.executable == program && marked(pid, s.name))
			if err != nil || !known {
				continue
			}
		}
		in.running = append(in.running, p)
	}
	in.running = roots(in.running)
	return in, nil
}

// roots drops the processes whose parent is among them: the workers of a
// daemon are not a second daemon.
func roots(all []subject) []subject {
	return slices.DeleteFunc(slices.Clone(all), func(p subject) bool {
		return slices.ContainsFunc(all, func(other subject) bool { return other.stat.PID == p.stat.Parent })
	})
}

func marked(pid int, name string) bool {
	environment, err := procfs.Environment(pid)
	return err == nil && slices.Contains(environment, markerService+"="+name)
}

// pidFile returns the process id in a file, or 0. The file belongs to the
// daemon, so its word is only a hint that observe checks.
func pidFile(name string) int {
	if name == "" {
		return 0
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || pid < 2 {
		return 0
	}
	return int(pid)
}

func (in instance) identity(s service) actuator.Identity {
	running := nothingRuns
	if len(in.running) > 0 {
		var each []string
		for _, p := range in.running {
			each = append(each, fmt.Sprintf("%d:%d", p.stat.PID, p.stat.Start))
		}
		running = strings.Join(each, ",")
	}
	return actuator.Identity{
		idBoot:       in.boot,
		idService:    s.name,
		idGeneration: actuator.Clean(in.record.Operation, 128) + "/" + in.record.Phase,
		idRunning:    running,
	}
}
