// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/exporter/remediationexporter/internal/metadata"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/wire"
)

// remediationExporter hands findings to a sink. Members up to full do not
// change after Start; any number of pipelines may call it at once.
type remediationExporter struct {
	engine    component.ID
	quantiles []float64
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	sink      finding.Sink
	full      atomic.Bool // the last offer was refused in part
}

func newExporter(set exporter.Settings, cfg *Config) (*remediationExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &remediationExporter{engine: cfg.Engine, quantiles: cfg.Quantiles, logger: set.Logger, telemetry: telemetry}, nil
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

// ConsumeMetrics offers the flagged points to the engine, and ordinary points
// of the series that it watches. It never fails: an error would make whoever
// is upstream send the batch again, and evidence that comes twice or late
// would be taken for fresh. What the engine refuses is counted and lost.
func (e *remediationExporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	findings := wire.Findings(md, time.Now(), e.sink, e.quantiles...)
	if len(findings) == 0 {
		return nil
	}
	taken := e.sink.Offer(findings)
	refused := len(findings) - taken
	if taken > 0 {
		e.telemetry.ExporterRemediationFindingsTaken.Add(ctx, int64(taken))
	}
	if refused > 0 {
		e.telemetry.ExporterRemediationFindingsRefused.Add(ctx, int64(refused))
	}
	e.tell(refused > 0)
	return nil
}

// tell logs when the engine fills up and when it takes everything again, not
// each batch in between: the counters tell how much was lost.
func (e *remediationExporter) tell(full bool) {
	if e.full.Swap(full) == full {
		return
	}
	if full {
		e.logger.Warn("The remediation engine is full and refuses findings; telemetry is not affected.", zap.Stringer("engine", e.engine))
		return
	}
	e.logger.Info("The remediation engine takes findings again.", zap.Stringer("engine", e.engine))
}
