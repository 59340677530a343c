// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config of the receiver.
type Config struct {
	// Engine is the component id of the remediation engine extension whose
	// outbox is exported.
	Engine component.ID `mapstructure:"engine"`

	// BatchSize is the largest number of records in one batch.
	BatchSize int `mapstructure:"batch_size"`

	// Retry says how long to wait before a refused batch is tried again. A
	// batch is tried until it is accepted: the outbox keeps what follows.
	Retry RetryConfig `mapstructure:"retry"`

	// RootPath is where the root of the host is mounted when the Collector
	// runs in a container. host.name and host.id are read below it.
	RootPath string `mapstructure:"root_path"`
}

// RetryConfig is an exponential backoff without an end: the wait starts at
// InitialInterval, doubles with each refusal and stays at MaxInterval.
type RetryConfig struct {
	// InitialInterval is the wait after the first refusal.
	InitialInterval time.Duration `mapstructure:"initial_interval"`

	// MaxInterval is the longest wait.
	MaxInterval time.Duration `mapstructure:"max_interval"`
}

var _ component.Config = (*Config)(nil)

// maxBatchSize bounds the memory that one batch may take.
const maxBatchSize = 10_000

// Validate reports what is wrong in terms of the YAML keys.
func (c *Config) Validate() error {
	var errs []error
	if c.Engine == (component.ID{}) {
		errs = append(errs, errors.New(`engine must not be empty: name the id of the remediation engine extension, e.g. "remediation_engine"`))
	}
	if c.BatchSize < 1 || c.BatchSize > maxBatchSize {
		errs = append(errs, fmt.Errorf("batch_size must be from 1 to %d (got %d)", maxBatchSize, c.BatchSize))
	}
	if c.Retry.InitialInterval <= 0 {
		errs = append(errs, fmt.Errorf("retry::initial_interval must be more than 0s (got %s): without a wait a broken pipeline is tried in a busy loop", c.Retry.InitialInterval))
	}
	if c.Retry.MaxInterval < c.Retry.InitialInterval {
		errs = append(errs, fmt.Errorf("retry::max_interval must not be below retry::initial_interval, which is %s (got %s)", c.Retry.InitialInterval, c.Retry.MaxInterval))
	}
	if c.RootPath != "" && !filepath.IsAbs(c.RootPath) {
		errs = append(errs, fmt.Errorf("root_path must be an absolute path (got %q): name where the host's root is mounted, e.g. /hostfs", c.RootPath))
	}
	return errors.Join(errs...)
}
