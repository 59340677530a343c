// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// engine is the component.
type engine struct {
	cfg *Config
	set extension.Settings
}

func newEngine(cfg *Config, set extension.Settings) (*engine, error) {
	return &engine{cfg: cfg, set: set}, nil
}

// Start implements component.Component.
func (e *engine) Start(context.Context, component.Host) error { return nil }

// Shutdown implements component.Component.
func (e *engine) Shutdown(context.Context) error { return nil }
