// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/component"
)

// Scope is whose manager the extension talks to.
type Scope string

const (
	// ScopeSystem is the manager of the host, pid 1.
	ScopeSystem Scope = "system"
	// ScopeUser is the manager of the user that runs the collector.
	ScopeUser Scope = "user"
)

// Config of the systemd actuator.
type Config struct {
	// Scope is the manager to talk to: system or user.
	Scope Scope `mapstructure:"scope"`

	// Address of the D-Bus socket on which the manager answers, such as
	// unix:path=/run/systemd/private. Empty asks the manager of Scope the
	// usual way: its private socket when running as root, otherwise the bus.
	Address string `mapstructure:"address"`

	// Units is the allow-list: names or globs of the units that verbs other
	// than systemd.explain may touch. Empty allows none.
	Units []string `mapstructure:"units"`

	// JournalDirectory is where systemd.explain reads the journal, for a
	// collector in a container. Empty is the host's own place.
	JournalDirectory string `mapstructure:"journal_directory"`

	// Protected are names or globs of units that are never touched, beside
	// the built-in ones, which cannot be removed.
	Protected []string `mapstructure:"protected"`
}

func createDefaultConfig() component.Config {
	return &Config{Scope: ScopeSystem}
}

// Validate checks the configuration; its errors name key, value and remedy.
func (c *Config) Validate() error {
	var errs []error
	if c.Scope != ScopeSystem && c.Scope != ScopeUser {
		errs = append(errs, fmt.Errorf("scope must be system or user (got %q)", c.Scope))
	}
	if c.Address != "" && !strings.HasPrefix(c.Address, "unix:path=/") {
		errs = append(errs, fmt.Errorf("address must be a local socket such as unix:path=/run/systemd/private (got %q)", c.Address))
	}
	if c.JournalDirectory != "" && !filepath.IsAbs(c.JournalDirectory) {
		errs = append(errs, fmt.Errorf("journal_directory must be an absolute path such as /var/log/journal (got %q)", c.JournalDirectory))
	}
	errs = append(errs, checkGlobs("units", c.Units)...)
	errs = append(errs, checkGlobs("protected", c.Protected)...)
	return errors.Join(errs...)
}

func checkGlobs(key string, globs []string) (errs []error) {
	for i, glob := range globs {
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			errs = append(errs, fmt.Errorf(`%s[%d] must be the name of a unit or a glob such as "web-*.service" (got %q)`, key, i, glob))
		}
	}
	return errs
}
