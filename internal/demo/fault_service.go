// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// daemonName is the executable of the small daemon; the rule looks for it.
const daemonName = "echod"

// service is a small daemon that is killed. It is this program under another
// name, serving TCP.
type service struct {
	workspace *workspace
	cmd       *exec.Cmd
}

func (*service) title() string { return "service down" }
func (*service) class() string { return "service_down" }

func (s *service) prepare() error {
	if err := copyExecutable(s.workspace.echo); err != nil {
		return err
	}
	s.cmd = inOwnSession(s.workspace.echo, "demo", "echod", "--listen", s.workspace.echoAddress)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Second, errors.New(daemonName+" does not answer"))
	defer cancel()
	return until(ctx, func() (bool, error) { return s.answers(), nil })
}

func (s *service) inject() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = s.cmd.Wait() // ended by our signal
	return nil
}

func (s *service) broken() (bool, error) { return !s.answers(), nil }

// answers reports whether the daemon echoes a line.
func (s *service) answers() bool {
	conn, err := net.DialTimeout("tcp", s.workspace.echoAddress, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "ping\n"); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && line == "ping\n"
}

func (s *service) evidence() string { return "tcp " + s.workspace.echoAddress + " echoes" }

// untouched errs when more than one daemon runs: a repair must not start two.
func (*service) untouched() error {
	pids, err := processesNamed(daemonName)
	if err == nil && len(pids) > 1 {
		err = fmt.Errorf("%d instances of %s run", len(pids), daemonName)
	}
	return err
}

func (*service) heal() error {
	pids, err := processesNamed(daemonName)
	for _, pid := range pids {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGKILL))
	}
	return err
}

func copyExecutable(to string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	// A running copy cannot be written to, and need not be.
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}

// Echo is the daemon: it listens on address and sends every line back until
// ctx ends.
func Echo(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}
