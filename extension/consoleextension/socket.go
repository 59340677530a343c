// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// socketMode lets the Collector's user and group connect, whatever the umask
// says: to connect, a process needs the right to write.
const socketMode = 0o660

// removeStale removes a socket that a killed process left behind: nobody
// could listen there again. Anything else at the path is left alone.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return nil // the listener says what is wrong, if anything is
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("somebody listens on %s already", path), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return os.Remove(path)
}
