// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/homeostat/homeostat/exporter/remediationexporter/internal/metadata"
	"github.com/homeostat/homeostat/internal/series"
)

// defaultEngine is the id that the remediation engine has unless the user
// gives it another.
var defaultEngine = component.MustNewID("remediation_engine")

// NewFactory makes the factory of the remediation exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithMetrics(createMetrics, metadata.MetricsStability))
}

func createDefaultConfig() component.Config {
	return &Config{Engine: defaultEngine, Quantiles: series.DefaultQuantiles()}
}

func createMetrics(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	return newExporter(set, cfg.(*Config))
}
