// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/internal/wire"
)

// scopeName is the instrumentation scope of companion metrics.
const scopeName = "github.com/homeostat/homeostat/processor/anomalyprocessor"

// anomalyProcessor is the shell: it owns the table of slots and the loops.
// Fields above the blank line never change after newProcessor.
type anomalyProcessor struct {
	cfg       *Config
	set       processor.Settings
	log       *zap.Logger
	next      consumer.Metrics // for what the loops have to say
	rules     *rule.Set
	detectors []detect.Detector
	quorum    detect.QuorumSettings
	gate      detect.GateSettings
	reader    *wire.Reader
	table     *series.Table[slot]
	selector  *selector
	hosts     *hosts
	open      *openEpisodes
	tel       *telemetry
	visitors  sync.Pool // of *visitor
	started   time.Time // start of the cumulative companion metrics

	snapshotTaken atomic.Int64 // Unix nanoseconds of the newest snapshot; 0 without one
	snapshotSize  atomic.Int64 // bytes

	keeper *keeper // set by start; nil without storage
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

func newProcessor(set processor.Settings, cfg *Config, next consumer.Metrics) (*anomalyProcessor, error) {
	rules, err := cfg.compileRules(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	bounds := series.TableSettings{MaxSeries: cfg.MaxSeries, StaleAfter: cfg.StaleAfter}
	p := &anomalyProcessor{
		cfg: cfg, set: set, log: set.Logger, next: next, rules: rules, detectors: cfg.detectors(),
		quorum: detect.QuorumSettings{
			FireK: cfg.Gate.Fire.k, FireN: cfg.Gate.Fire.n, ClearM: cfg.Gate.Clear.k, ClearN: cfg.Gate.Clear.n,
			ClearLevel: cfg.Gate.ClearLevel, For: cfg.Gate.For,
		},
		gate:     detect.GateSettings{FlapCount: cfg.Gate.FlapCount, FlapHold: cfg.Gate.FlapHold},
		reader:   wire.NewReader(wire.ReaderSettings{Quantiles: cfg.Quantiles, MaxSeries: cfg.MaxSeries, StaleAfter: cfg.StaleAfter}),
		table:    series.NewTable[slot](bounds),
		selector: newSelector(cfg, rules),
		open:     &openEpisodes{keys: map[series.Key]struct{}{}},
		started:  time.Now(),
	}
	p.hosts = newHosts(rules.Absent(), cfg.MaxSeries, p.started.UnixNano())
	if p.tel, err = newTelemetry(p); err != nil {
		return nil, err
	}
	p.visitors.New = func() any { return newVisitor(p) }
	return p, nil
}

// detectors lists the statistics that watch each series.
func (c *Config) detectors() []detect.Detector {
	var all []detect.Detector
	if z := c.ZScore; z.Enabled {
		all = append(all, detect.ZScore(detect.ZScoreSettings{
			Threshold: z.Threshold, Memory: z.Memory, WarmUp: z.WarmUp, Side: z.Direction, MinAbs: z.MinAbs, MinRel: z.MinRel,
		}))
	}
	return all
}

func (p *anomalyProcessor) start(ctx context.Context, host component.Host) error {
	if p.cfg.Storage != nil {
		keeper, err := openKeeper(ctx, p, host)
		if err != nil {
			return err
		}
		p.keeper = keeper
		keeper.restore(ctx, time.Now())
	}
	p.announce()
	loops, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the loops outlive the start
	p.cancel = cancel
	p.loops.Go(func() { p.sweepLoop(loops) })
	if p.keeper != nil {
		p.loops.Go(func() { p.keeper.loop(loops, p.cfg.SnapshotInterval) })
	}
	return nil
}

// announce prints what is watched.
func (p *anomalyProcessor) announce() {
	names := make([]string, len(p.detectors))
	for i, d := range p.detectors {
		names[i] = d.Name()
	}
	p.log.Info("watches series", zap.Int("max_series", p.cfg.MaxSeries), zap.Int64("restored", p.table.Counts().Tracked))
	p.log.Info("watches for rules", zap.Int("count", len(p.cfg.Rules)), zap.String("names", strings.Join(p.rules.Names(), ", ")))
	p.log.Info("watches with detectors", zap.String("names", strings.Join(names, ", ")), zap.Stringer("fire", p.cfg.Gate.Fire), zap.Stringer("clear", p.cfg.Gate.Clear))
	p.log.Info("annotates points", zap.String("annotate", string(p.cfg.Annotate)), zap.Bool("companion_metrics", p.cfg.CompanionMetrics.Enabled))
}

// shutdown ends the loops and takes the last snapshot. The pipeline feeds no
// more data by now.
func (p *anomalyProcessor) shutdown(ctx context.Context) error {
	if p.cancel != nil {
		p.cancel()
	}
	p.loops.Wait()
	p.tel.close()
	if p.keeper == nil {
		return nil
	}
	return p.keeper.close(ctx)
}

// process is the way of a batch. The visitor's Visit is the way of a point.
func (p *anomalyProcessor) process(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	received := time.Now()
	v := p.visitors.Get().(*visitor)
	v.begin(ctx, received)
	stripped := wire.StripAnomaly(md)
	p.reader.Read(md, received, v)
	v.companions.appendTo(md)
	p.tel.batch(ctx, v, stripped, time.Since(received))
	v.end()
	p.visitors.Put(v)
	return md, nil
}
