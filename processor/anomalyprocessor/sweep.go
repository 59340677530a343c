// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/internal/wire"
)

// sweepInterval is how late a silence may be noticed.
const sweepInterval = time.Second

// sweepLoop looks after what no datapoint can tell: silence, absence, and the
// metrics of each host. It sends what it has to say to the next consumer.
func (p *anomalyProcessor) sweepLoop(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	said := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		remind := now.Sub(said) >= p.cfg.CompanionMetrics.Interval
		if remind {
			said = now
		}
		md := p.sweep(ctx, now, remind)
		if md.ResourceMetrics().Len() == 0 {
			continue
		}
		if err := p.next.ConsumeMetrics(ctx, md); err != nil && ctx.Err() == nil {
			p.log.Warn("the next component refused synthetic points and companion metrics; they are lost", zap.Error(err))
		}
	}
}

// sweep says what is to be said at now. With remind it includes the metrics of
// each host, and what is still missing.
func (p *anomalyProcessor) sweep(ctx context.Context, now time.Time, remind bool) pmetric.Metrics {
	md := pmetric.NewMetrics()
	transitions := map[finding.State]int64{}
	p.evict(now, md, transitions)
	p.sweepSilent(now, md, transitions)
	p.sweepAbsent(now, remind, md, transitions)
	if remind && p.cfg.CompanionMetrics.Enabled {
		for _, h := range p.hosts.list() {
			if h.series.Load() > 0 || h.detected() {
				appendHost(md, h, p.set.BuildInfo.Version, p.started, now)
			}
		}
	}
	p.tel.states(ctx, transitions)
	return md
}

// evict forgets stale series and hosts. A turn of the table takes a minute.
func (p *anomalyProcessor) evict(now time.Time, md pmetric.Metrics, transitions map[finding.State]int64) {
	limit := p.cfg.MaxSeries/60 + 1
	p.table.Sweep(now, limit, func(key series.Key, s *slot) {
		p.silence(key, s, now, md, transitions)
		if s.episode != nil {
			p.open.remove(key)
		}
		if s.host != nil {
			s.host.series.Add(-1)
		}
	})
	p.reader.Sweep(now, limit)
	before := now.Add(-p.cfg.StaleAfter).UnixNano()
	for _, h := range p.hosts.forget(before) {
		h.watches.Range(func(_, kept any) bool {
			if w := kept.(*watch); w.rule != nil {
				p.say(w, w.abandon(now.UnixNano()), now, md, transitions)
			}
			return true
		})
	}
}

// sweepSilent finds the series that have fallen silent in an episode.
func (p *anomalyProcessor) sweepSilent(now time.Time, md pmetric.Metrics, transitions map[finding.State]int64) {
	for _, key := range p.open.list(nil) {
		s, ok := p.table.Lookup(key)
		if !ok {
			continue
		}
		if now.UnixNano()-s.Value.received > int64(s.Value.silentAfter()) {
			p.silence(key, s.Value, now, md, transitions)
		}
		s.Release()
	}
}

// silence ends or suspends the episode of a slot, which is locked, and says so.
func (p *anomalyProcessor) silence(key series.Key, s *slot, now time.Time, md pmetric.Metrics, transitions map[finding.State]int64) {
	out := s.gate.Silence(now.UnixNano())
	ep := s.episode
	if out.State != finding.Unknown || ep == nil || ep.origin.IsZero() {
		return
	}
	if s.host != nil {
		ep.account(s.host, out)
	}
	transitions[out.State]++
	f := missingFinding(out, now)
	f.Series, f.Field, f.Metric = key, ep.field, ep.origin.MetricName()
	f.Severity, f.Fault, f.Rules, f.Detectors = ep.verdict.severity, ep.verdict.fault, ep.verdict.rules, ep.verdict.detectors
	p.sayMissing(ep.origin, &f, 0, md)
	if s.gate.Open() == 0 {
		s.episode = nil
		p.open.remove(key)
	}
}

// sweepAbsent checks the absence rules of each host.
func (p *anomalyProcessor) sweepAbsent(now time.Time, remind bool, md pmetric.Metrics, transitions map[finding.State]int64) {
	if len(p.hosts.absences) == 0 {
		return
	}
	hosts := p.hosts.list()
	for _, r := range p.hosts.absences {
		p.hosts.expect(r, hosts, now.UnixNano())
	}
	for _, h := range p.hosts.list() {
		h.watches.Range(func(_, kept any) bool {
			w := kept.(*watch)
			if w.rule == nil {
				return true
			}
			out := w.check(&p.gate, now.UnixNano())
			if out.Changed || (remind && out.State == finding.Firing) {
				p.say(w, out, now, md, transitions)
			}
			return true
		})
	}
}

// expect begins to wait on behalf of an absence rule whose metric nobody has
// reported since the start: on each named host, or on the nameless one if none
// is known. While nobody reports the metric at all there is no better answer to the
// question where it is missing.
func (hs *hosts) expect(r *rule.Rule, known []*host, now int64) {
	grace := rule.NewWatch(hs.started)
	if hs.heard[r].Load() || now-hs.started < int64(grace.Patience(r)) {
		return
	}
	waiting := false
	for _, h := range known {
		if _, ok := h.watches.Load(r); ok {
			if !h.named {
				h.seen.Store(now) // nobody else keeps the nameless host from being forgotten
			}
			return
		}
		waiting = waiting || h.named
	}
	for _, h := range known {
		if h.named {
			h.watch(hs, r, hs.started)
		}
	}
	if !waiting {
		hs.of(pcommon.NewMap(), now).watch(hs, r, hs.started)
	}
}

// say reports a change of an absence rule, and reminds of it.
func (p *anomalyProcessor) say(w *watch, out detect.Outcome, now time.Time, md pmetric.Metrics, transitions map[finding.State]int64) {
	if out.State == finding.Normal {
		return
	}
	if out.Changed {
		transitions[out.State]++
	}
	f := w.finding(out, now)
	score := 0.0
	if out.State == finding.Firing {
		score = 1
	}
	p.sayMissing(w.origin, &f, score, md)
}

// missingFinding is what all findings about missing points have in common.
func missingFinding(out detect.Outcome, now time.Time) finding.Finding {
	nan := math.NaN()
	return finding.Finding{
		ID: out.ID.String(), State: out.State, Kind: finding.Silence, Time: now, Received: now,
		Score: nan, ZScore: nan, PValue: nan, Value: nan, Expected: nan,
	}
}

// sayMissing appends a synthetic point, and the score of its series.
func (p *anomalyProcessor) sayMissing(origin wire.Origin, f *finding.Finding, score float64, md pmetric.Metrics) {
	if p.cfg.Annotate != AnnotateNone {
		origin.AppendSilence(md, f)
	}
	if p.cfg.CompanionMetrics.Enabled {
		wire.AppendCompanions(md, origin.Resource(), origin.SchemaURL(), scopeName, p.set.BuildInfo.Version).
			Score(f.Metric, f.Field, origin.Attributes(), score, f.Time)
	}
}
