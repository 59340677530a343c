// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/processor/anomalyprocessor/internal/metadata"
)

// stateHeld counts, beside the states of findings, that an episode is held.
const stateHeld finding.State = "held"

// maxNamed bounds how many metrics a refusal is logged for by name.
const maxNamed = 20

// telemetry is what the processor says of itself. It is safe for concurrent use.
type telemetry struct {
	tb      *metadata.TelemetryBuilder
	log     *zap.Logger
	limit   int // max_series, for the log
	skipped map[series.Reason]metric.MeasurementOption
	state   map[finding.State]metric.MeasurementOption
	rules   map[*rule.Rule]metric.MeasurementOption

	mu     sync.Mutex // guards everything below
	named  map[string]struct{}
	failed map[*rule.Rule]struct{}
}

func newTelemetry(p *anomalyProcessor) (*telemetry, error) {
	tb, err := metadata.NewTelemetryBuilder(p.set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{
		tb: tb, log: p.log, limit: p.cfg.MaxSeries,
		skipped: map[series.Reason]metric.MeasurementOption{},
		state:   map[finding.State]metric.MeasurementOption{},
		rules:   map[*rule.Rule]metric.MeasurementOption{},
		named:   map[string]struct{}{},
		failed:  map[*rule.Rule]struct{}{},
	}
	label := func(key, value string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
	}
	for _, r := range append(series.Reasons(), reasonExcluded, reasonTableFull) {
		t.skipped[r] = label("reason", string(r))
	}
	for _, s := range []finding.State{finding.Pending, finding.Firing, finding.Resolved, finding.Unknown, stateHeld} {
		t.state[s] = label("state", string(s))
	}
	for _, r := range p.rules.Conditions() {
		t.rules[r] = label("rule", r.Name)
	}
	if err := t.observe(p); err != nil {
		tb.Shutdown()
		return nil, err
	}
	return t, nil
}

// observe registers what is read when the telemetry is collected.
func (t *telemetry) observe(p *anomalyProcessor) error {
	count := func(of func(series.Counts) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(of(p.table.Counts()))
			return nil
		}
	}
	if err := t.tb.RegisterProcessorAnomalySeriesTrackedCallback(count(func(c series.Counts) int64 { return c.Tracked })); err != nil {
		return err
	}
	if err := t.tb.RegisterProcessorAnomalySeriesRefusedCallback(count(func(c series.Counts) int64 { return c.Refused + p.reader.Counts().Refused })); err != nil {
		return err
	}
	if err := t.tb.RegisterProcessorAnomalySeriesEvictedCallback(count(func(c series.Counts) int64 { return c.Evicted })); err != nil {
		return err
	}
	if err := t.tb.RegisterProcessorAnomalySnapshotAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
		if taken := p.snapshotTaken.Load(); taken != 0 {
			o.Observe(time.Since(time.Unix(0, taken)).Seconds())
		}
		return nil
	}); err != nil {
		return err
	}
	return t.tb.RegisterProcessorAnomalySnapshotSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
		if p.snapshotTaken.Load() != 0 {
			o.Observe(p.snapshotSize.Load())
		}
		return nil
	})
}

// close stops the callbacks.
func (t *telemetry) close() { t.tb.Shutdown() }

// batch counts what one batch gave.
func (t *telemetry) batch(ctx context.Context, v *visitor, stripped int, took time.Duration) {
	t.tb.ProcessorAnomalyBatchDuration.Record(ctx, took.Seconds())
	t.tb.ProcessorAnomalyPointsScored.Add(ctx, v.scored)
	if stripped > 0 {
		t.tb.ProcessorAnomalyAttributesStripped.Add(ctx, int64(stripped))
	}
	for reason, n := range v.skipped {
		t.tb.ProcessorAnomalyPointsSkipped.Add(ctx, n, t.skipped[reason])
	}
	for r, n := range v.ruleErrors {
		t.tb.ProcessorAnomalyRuleErrors.Add(ctx, n, t.rules[r])
	}
	t.states(ctx, v.transitions)
}

// states counts transitions.
func (t *telemetry) states(ctx context.Context, transitions map[finding.State]int64) {
	for state, n := range transitions {
		t.tb.ProcessorAnomalyFindings.Add(ctx, n, t.state[state])
	}
}

// refused says once for each metric that its new series are not watched.
func (t *telemetry) refused(name string) {
	t.mu.Lock()
	_, known := t.named[name]
	full := len(t.named) >= maxNamed
	if !known && !full {
		t.named[string([]byte(name))] = struct{}{} // a copy: the name must not keep its batch alive
	}
	t.mu.Unlock()
	if !known && !full {
		t.log.Warn("the table is full: new series of this metric pass unwatched; raise max_series or exclude metrics",
			zap.String("metric", name), zap.Int("max_series", t.limit))
	}
}

// ruleFailed says once for each rule that it cannot be evaluated.
func (t *telemetry) ruleFailed(r *rule.Rule, err error) {
	t.mu.Lock()
	_, known := t.failed[r]
	t.failed[r] = struct{}{}
	t.mu.Unlock()
	if !known {
		t.log.Warn("a rule cannot be evaluated on some points and counts as not breached there; further errors are counted only",
			zap.String("rule", r.Name), zap.Error(err))
	}
}
