// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/homeostat/homeostat/processor/hostidentityprocessor/internal/metadata"
)

// NewFactory makes the factory of the host identity processor.
func NewFactory() processor.Factory {
	m := maker{said: &said{}}
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithMetrics(m.metrics, metadata.MetricsStability),
		processor.WithLogs(m.logs, metadata.LogsStability),
		processor.WithTraces(m.traces, metadata.TracesStability))
}

func createDefaultConfig() component.Config { return &Config{} }

// maker makes the processors of one factory.
type maker struct{ said *said }

func (m maker) metrics(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	p, err := newProcessor(set, cfg.(*Config), m.said)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, cfg, next, p.processMetrics, p.options()...)
}

func (m maker) logs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	p, err := newProcessor(set, cfg.(*Config), m.said)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewLogs(ctx, set, cfg, next, p.processLogs, p.options()...)
}

func (m maker) traces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	p, err := newProcessor(set, cfg.(*Config), m.said)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, cfg, next, p.processTraces, p.options()...)
}

func (p *identityProcessor) options() []processorhelper.Option {
	return []processorhelper.Option{
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
		processorhelper.WithStart(p.start),
		processorhelper.WithShutdown(p.shutdown),
	}
}
