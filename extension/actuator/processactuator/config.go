// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config of the process actuator.
type Config struct {
	// Protected are globs of executable names that no verb may change, beside
	// the built-in ones, which cannot be removed.
	Protected []string `mapstructure:"protected"`

	// SampleWindow is how long CPU time is measured to find out how much of
	// the load a process causes.
	SampleWindow time.Duration `mapstructure:"sample_window"`

	// StateDirectory keeps what was started: one small file for each service.
	StateDirectory string `mapstructure:"state_directory"`

	// Services are the daemons that process.start and process.stop know, by
	// name. Nothing else can be started.
	Services map[string]ServiceConfig `mapstructure:"services"`
}

// ServiceConfig is one daemon that the collector may start.
type ServiceConfig struct {
	// Command is the absolute path of the executable and its arguments. It is
	// executed as it stands: there is no shell and nothing is expanded.
	Command []string `mapstructure:"command"`

	// Directory is the working directory.
	Directory string `mapstructure:"directory"`

	// Environment is all the daemon gets beside PATH and a marker: nothing of
	// the collector's own environment is passed on.
	Environment map[string]string `mapstructure:"environment"`

	// User whose rights and groups the daemon runs with. Empty is the user of
	// the collector; another one needs root.
	User string `mapstructure:"user"`

	// PIDFile is where a daemon that puts itself into the background writes
	// its process id. Empty for one that stays in the foreground.
	PIDFile string `mapstructure:"pid_file"`

	// Output is the file to which standard output and error are appended.
	// Empty discards them.
	Output string `mapstructure:"output"`
}

const (
	minSampleWindow = 50 * time.Millisecond
	maxSampleWindow = 5 * time.Second
)

func createDefaultConfig() component.Config {
	return &Config{
		SampleWindow:   500 * time.Millisecond,
		StateDirectory: "data/services",
	}
}

var (
	serviceName     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$`)
	environmentName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// Validate checks the configuration; its errors name key, value and remedy.
func (c *Config) Validate() error {
	var errs []error
	for i, glob := range c.Protected {
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			errs = append(errs, fmt.Errorf(`protected[%d] must be the name of an executable or a glob such as "postgres*" (got %q)`, i, glob))
		}
	}
	if c.SampleWindow < minSampleWindow || c.SampleWindow > maxSampleWindow {
		errs = append(errs, fmt.Errorf("sample_window must be %s to %s (got %s)", minSampleWindow, maxSampleWindow, c.SampleWindow))
	}
	if c.StateDirectory == "" {
		errs = append(errs, errors.New("state_directory must name a directory that the collector may write to (got \"\")"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if !serviceName.MatchString(name) {
			errs = append(errs, fmt.Errorf("services::%s: the name must be 1 to 64 letters, digits, dots, dashes or underscores (got %q)", name, name))
		}
		for _, err := range c.Services[name].problems() {
			errs = append(errs, fmt.Errorf("services::%s::%w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s ServiceConfig) problems() (errs []error) {
	switch {
	case len(s.Command) == 0:
		errs = append(errs, errors.New("command must list an absolute path and its arguments (got none)"))
	case !filepath.IsAbs(s.Command[0]):
		errs = append(errs, fmt.Errorf("command must begin with an absolute path (got %q)", s.Command[0]))
	}
	for i, arg := range s.Command {
		if strings.ContainsRune(arg, 0) {
			errs = append(errs, fmt.Errorf("command[%d] must not contain a NUL byte (got %q)", i, arg))
		}
	}
	for key, file := range map[string]string{"directory": s.Directory, "pid_file": s.PIDFile, "output": s.Output} {
		if file != "" && (!filepath.IsAbs(file) || strings.ContainsRune(file, 0)) {
			errs = append(errs, fmt.Errorf("%s must be an absolute path (got %q)", key, file))
		}
	}
	if strings.ContainsFunc(s.User, func(r rune) bool { return r <= ' ' || r == ':' || r == '/' }) {
		errs = append(errs, fmt.Errorf("user must be the name of a user (got %q)", s.User))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if !environmentName.MatchString(name) || strings.ContainsRune(s.Environment[name], 0) {
			errs = append(errs, fmt.Errorf("environment::%s must be a name of letters, digits and underscores with a value free of NUL bytes (got %q)", name, s.Environment[name]))
		}
		if strings.HasPrefix(name, markerPrefix) {
			errs = append(errs, fmt.Errorf("environment::%s: names that begin with %s are set by the actuator, choose another", name, markerPrefix))
		}
	}
	return errs
}
