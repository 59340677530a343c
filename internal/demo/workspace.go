// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// workspace is the folder that the demo works in, with a small filesystem of
// its own and two free ports.
type workspace struct {
	dir           string
	scratch       string // mountpoint of a 64 MiB tmpfs
	echo          string // path of the daemon
	echoAddress   string
	healthAddress string
}

func newWorkspace(dir string) (*workspace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	w := &workspace{dir: dir, scratch: filepath.Join(dir, "scratch"), echo: filepath.Join(dir, daemonName)}
	if err := os.MkdirAll(w.scratch, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", w.scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=64m,mode=0700"); err != nil {
		return nil, fmt.Errorf("mount a tmpfs at %s: %w", w.scratch, err)
	}
	for _, address := range []*string{&w.echoAddress, &w.healthAddress} {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *workspace) close() error { return unix.Unmount(w.scratch, unix.MNT_DETACH) }

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
