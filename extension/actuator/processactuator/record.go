// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// Phases of a service in its record.
const (
	phaseStarting = "starting" // written before the daemon is created
	phaseStarted  = "started"
	phaseFailed   = "failed" // it could not be created
	phaseStopped  = "stopped"
)

// record is what the state directory keeps about one service: who was started
// last, and by which operation. It is what makes a start happen once.
type record struct {
	Service    string    `json:"service"`
	Phase      string    `json:"phase"`
	Operation  string    `json:"operation"`
	BootID     string    `json:"boot_id"`
	PID        int       `json:"pid,omitempty"`
	StartTicks uint64    `json:"start_ticks,omitempty"`
	Executable string    `json:"executable,omitempty"`
	Command    []string  `json:"command,omitempty"`
	Changed    time.Time `json:"changed"`
}

// mostRecord bounds the file; a command may be long.
const mostRecord = 1 << 20

var errRecord = errors.New("the record of the service is damaged; check what runs, then remove the file")

func (e *processExtension) recordFile(service string) string {
	return filepath.Join(e.cfg.StateDirectory, service+".json")
}

// readRecord returns the record of a service, empty when there is none yet.
func readRecord(name string) (record, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostRecord))
	if err != nil {
		return record{}, err
	}
	r, err := parseRecord(text)
	if err != nil {
		return record{}, fmt.Errorf("%w: %s", err, name)
	}
	return r, nil
}

func parseRecord(text []byte) (record, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil || r.Service == "" || r.PID < 0 {
		return record{}, errRecord
	}
	switch r.Phase {
	case phaseStarting, phaseStarted, phaseFailed, phaseStopped:
		return r, nil
	}
	return record{}, errRecord
}

// writeRecord replaces the record so that it survives a power cut: it is on
// disk before writeRecord returns, and never half written.
func writeRecord(name string, r record) (err error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockRetry is how often a lock that somebody holds is tried again.
const lockRetry = 20 * time.Millisecond

// lock keeps every other collector on this host, and every other call in this
// one, from starting or stopping the service until release is called.
func (e *processExtension) lock(ctx context.Context, service string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(e.cfg.StateDirectory, service+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, err
		}
		if err := pause(ctx, lockRetry); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("%w: another collector is starting or stopping %s: %w", actuator.ErrBusy, service, err)
		}
	}
}
