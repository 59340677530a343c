// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is a filesystem that fills up with cache files. A file that is not
// cache stands beside them and must survive.
type disk struct{ mountpoint string }

// full and ample are the shares of use between which the demo's rule has its
// hysteresis: broken above the first, mended below the second.
const (
	full  = 0.90
	ample = 0.80
)

var precious = []byte("not a cache file\n")

func (*disk) title() string { return "filesystem full" }
func (*disk) class() string { return "disk_full" }

func (d *disk) cache() string { return filepath.Join(d.mountpoint, "cache") }

// keep is in the cache folder and does not match the recipe.
func (d *disk) keep() string { return filepath.Join(d.cache(), "accounts.db") }

func (d *disk) prepare() error {
	if err := os.MkdirAll(d.cache(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(d.keep(), precious, 0o600)
}

func (d *disk) inject() error {
	block := make([]byte, 1<<20)
	for i := 0; ; i++ {
		err := os.WriteFile(filepath.Join(d.cache(), fmt.Sprintf("page-%03d.tmp", i)), block, 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			return nil // full, for real
		}
		if err != nil {
			return err
		}
	}
}

func (d *disk) broken() (bool, error) {
	used, err := d.used()
	return used > ample, err
}

// used is the share of blocks in use, 0 to 1.
func (d *disk) used() (float64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(d.mountpoint, &stat); err != nil {
		return 0, err
	}
	return 1 - float64(stat.Bfree)/float64(stat.Blocks), nil
}

func (d *disk) evidence() string {
	used, err := d.used()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.0f %% used", 100*used)
}

func (d *disk) untouched() error {
	text, err := os.ReadFile(d.keep())
	if err == nil && !bytes.Equal(text, precious) {
		err = fmt.Errorf("%s was changed", d.keep())
	}
	return err
}

func (d *disk) heal() error { return os.RemoveAll(d.cache()) }
