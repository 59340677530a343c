// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

import (
	"fmt"
	"path/filepath"

	"go.opentelemetry.io/collector/component"
)

// Config of the processor.
type Config struct {
	// RootPath is where the root of the host is mounted when the Collector
	// runs in a container, e.g. /hostfs. The identity is read below it.
	RootPath string `mapstructure:"root_path"`

	// Override replaces the host.name, host.id and os.type that a resource
	// already carries. Only for pipelines that carry nothing but telemetry
	// of this host: with it, another host's telemetry is taken for ours.
	Override bool `mapstructure:"override"`
}

var _ component.Config = (*Config)(nil)

// Validate reports what is wrong in terms of the YAML keys.
func (c *Config) Validate() error {
	if c.RootPath != "" && !filepath.IsAbs(c.RootPath) {
		return fmt.Errorf("root_path must be an absolute path (got %q): name where the host's root is mounted, e.g. /hostfs", c.RootPath)
	}
	return nil
}
