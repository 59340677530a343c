// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/plan"
)

// surroundings are what the engine knows of the machine it runs on. They are
// read once, at start.
type surroundings struct {
	host   plan.Host
	boot   string    // boot id; "" when unknown
	booted time.Time // zero when unknown
}

func look(cfg HostConfig, now time.Time) surroundings {
	s := surroundings{host: plan.Host{Name: cfg.Name, ID: cfg.ID}, boot: readLine("/proc/sys/kernel/random/boot_id")}
	if s.host.Name == "" {
		if name, err := os.Hostname(); err == nil {
			s.host.Name = name
		}
	}
	if s.host.ID == "" {
		s.host.ID = readLine("/etc/machine-id")
	}
	// The age of the system, not its start time: a stepped clock moves that.
	if uptime, _, found := strings.Cut(readLine("/proc/uptime"), " "); found {
		if seconds, err := strconv.ParseFloat(uptime, 64); err == nil {
			s.booted = now.Add(-time.Duration(seconds * float64(time.Second)))
		}
	}
	return s
}

func readLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// stopFile says why the local stop file stops everything; "" when it does
// not. A file whose absence cannot be established counts as present.
func stopFile(path string) string {
	if path == "" {
		return ""
	}
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return "the file " + path + " exists"
	case errors.Is(err, fs.ErrNotExist):
		return ""
	default:
		return fmt.Sprintf("the stop file cannot be looked for: %v", err)
	}
}

// readPolicy reads the local policy, which must be root's alone: it limits
// what whoever writes the Collector's configuration can do.
func readPolicy(path string) (guard.Policy, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("policy_file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("policy_file: %w", err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != 0 || info.Mode().Perm()&0o022 != 0 || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("policy_file %s must be a file that belongs to root and that nobody else can write (chown root, chmod 0644)", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, guard.MaxPolicy+1))
	if err != nil {
		return nil, fmt.Errorf("policy_file: %w", err)
	}
	policy, err := guard.ParsePolicy(data)
	if err != nil {
		return nil, fmt.Errorf("policy_file %s: %w", path, err)
	}
	return policy, nil
}
