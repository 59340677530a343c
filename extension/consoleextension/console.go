// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/homeostat/homeostat/internal/operate"
)

type console struct {
	cfg *Config
	set extension.Settings
}

func newConsole(set extension.Settings, cfg *Config) (*console, error) {
	return &console{cfg: cfg, set: set}, nil
}

// Start finds the engine among the extensions of the host.
func (c *console) Start(_ context.Context, host component.Host) error {
	ext, found := host.GetExtensions()[c.cfg.Engine]
	if !found {
		return fmt.Errorf("engine: no extension %q is running; add it to extensions and service::extensions, or name the id of the remediation engine", c.cfg.Engine)
	}
	if _, ok := ext.(operate.Desk); !ok {
		return fmt.Errorf("engine: extension %q has no operator's desk; name the id of a remediation engine", c.cfg.Engine)
	}
	return nil
}

func (c *console) Shutdown(context.Context) error { return nil }
