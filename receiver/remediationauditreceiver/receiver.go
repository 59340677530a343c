// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/receiver/remediationauditreceiver/internal/metadata"
)

type auditReceiver struct {
	cfg       *Config
	next      consumer.Logs
	telemetry *metadata.TelemetryBuilder
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*auditReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &auditReceiver{cfg: cfg, next: next, telemetry: telemetry}, nil
}

// Start finds the engine among the extensions of the host.
func (r *auditReceiver) Start(_ context.Context, host component.Host) error {
	ext, found := host.GetExtensions()[r.cfg.Engine]
	if !found {
		return fmt.Errorf("engine: no extension %q is running; add it to extensions and service::extensions, or name the id of the remediation engine", r.cfg.Engine)
	}
	if _, ok := ext.(audit.Outbox); !ok {
		return fmt.Errorf("engine: extension %q has no audit outbox; name the id of a remediation engine", r.cfg.Engine)
	}
	return nil
}

func (r *auditReceiver) Shutdown(context.Context) error {
	r.telemetry.Shutdown()
	return nil
}
