// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

// entry is one line of a manifest, which is JSON lines: a head, one "planned"
// for each file, all on disk before the first file is touched; then one
// "removed" or "spared" for each, and an "end".
type entry struct {
	What      string    `json:"what"`
	Operation string    `json:"operation,omitempty"`
	Recipe    string    `json:"recipe,omitempty"`
	Root      string    `json:"root,omitempty"`
	Time      time.Time `json:"time,omitzero"`
	File      string    `json:"file,omitempty"` // beneath the root; bytes that are not UTF-8 as \xNN
	Inode     uint64    `json:"inode,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
	Modified  time.Time `json:"modified,omitzero"`
	To        string    `json:"to,omitempty"`  // in the quarantine
	Why       string    `json:"why,omitempty"` // it was spared
	Files     int       `json:"files,omitempty"`
}

const (
	whatHead    = "head"
	whatPlanned = "planned"
	whatRemoved = "removed"
	whatSpared  = "spared"
	whatEnd     = "end"

	// reserveSize keeps room for a manifest on a filesystem that is full.
	reserveSize = 4 << 20
	reserveName = ".reserve"
)

var plainOperation = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,100}$`)

// manifestFile names the manifest of an operation.
func (c *Config) manifestFile(operation string) string {
	if !plainOperation.MatchString(operation) || operation[0] == '.' {
		operation = "x" + hex.EncodeToString([]byte(operation[:min(len(operation), 100)]))
	}
	return filepath.Join(c.ManifestDirectory, operation+".jsonl")
}

// reserve keeps reserveSize bytes in the manifest directory, so that a
// filesystem that filled up can still be repaired.
func (c *Config) reserve() error {
	if err := os.MkdirAll(c.ManifestDirectory, 0o750); err != nil {
		return fmt.Errorf("manifest_directory: cannot be made: %w; name one that the collector may write to", err)
	}
	f, err := os.OpenFile(filepath.Join(c.ManifestDirectory, reserveName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("manifest_directory: cannot be written to: %w; name one that the collector may write to", err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, reserveSize); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("manifest_directory: cannot reserve %d bytes: %w", reserveSize, err)
	}
	return nil
}

// release gives the reserve back, for the manifest that is about to be written.
func (c *Config) release() error {
	err := os.Remove(filepath.Join(c.ManifestDirectory, reserveName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// manifest is being written.
type manifest struct {
	file *os.File
	out  *bufio.Writer
}

// openManifest starts the manifest of an operation, which must have none yet,
// with what is intended. It is on disk when openManifest returns.
func (c *Config) openManifest(operation string, head entry, files []file) (*manifest, error) {
	name := c.manifestFile(operation)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: operation %s has a manifest already: it was executed before", actuator.ErrBlocked, shown(operation))
	}
	if err != nil {
		return nil, err
	}
	m := &manifest{file: f, out: bufio.NewWriter(f)}
	m.write(head)
	for _, f := range files {
		m.write(entry{What: whatPlanned, File: shownWhole(f.rel), Inode: f.inode, Bytes: f.bytes, Modified: f.mtime})
	}
	if err := errors.Join(m.sync(), syncDirectory(c.ManifestDirectory)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(name))
	}
	return m, nil
}

// write keeps the first error for sync, as bufio.Writer does.
func (m *manifest) write(e entry) {
	line, err := json.Marshal(e)
	if err == nil {
		_, _ = m.out.Write(append(line, '\n'))
	}
}

// happened writes an outcome so that it outlives the process.
func (m *manifest) happened(e entry) error {
	m.write(e)
	return m.out.Flush()
}

func (m *manifest) sync() error { return errors.Join(m.out.Flush(), m.file.Sync()) }

func (m *manifest) close() error { return errors.Join(m.sync(), m.file.Close()) }

func syncDirectory(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// shownWhole keeps a whole name, in printable text.
func shownWhole(name string) string { return actuator.Clean(name, 4*len(name)+8) }

// account is what a manifest says when it is read back.
type account struct {
	operation string
	recipe    string
	planned   []entry
	removed   int
	ended     bool
}

// maxManifest bounds what is read back.
const maxManifest = 256 << 20

// readManifest reads a manifest as far as it is whole: the last line may have
// been cut off by a crash.
func readManifest(r io.Reader) (account, error) {
	var a account
	lines := bufio.NewScanner(io.LimitReader(r, maxManifest))
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			if n == 0 {
				return account{}, errors.New("not a manifest")
			}
			return a, nil
		}
		switch {
		case n == 0 && e.What != whatHead:
			return account{}, errors.New("not a manifest")
		case e.What == whatHead:
			a.operation, a.recipe = e.Operation, e.Recipe
		case e.What == whatPlanned:
			a.planned = append(a.planned, e)
		case e.What == whatRemoved:
			a.removed++
		case e.What == whatEnd:
			a.ended = true
		}
	}
	return a, lines.Err()
}
