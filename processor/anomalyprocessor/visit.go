// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/internal/wire"
)

// Reasons of this processor, beside those of internal/series.
const (
	reasonExcluded  series.Reason = "excluded"   // no detector and no rule watches the series
	reasonTableFull series.Reason = "table_full" // max_series is reached
)

// visitor takes the numbers of one batch. Visitors are pooled; one belongs to
// one batch at a time.
type visitor struct {
	p        *anomalyProcessor
	ctx      context.Context // of the batch
	received time.Time
	now      int64 // received, in Unix nanoseconds

	// Where the walk is.
	resource   pmetric.ResourceMetrics
	host       *host
	metric     pmetric.Metric
	selection  *selection
	point      attributes
	resourceOf attributes
	sample     rule.Sample

	// What the batch gave.
	scored      int64
	skipped     map[series.Reason]int64
	transitions map[finding.State]int64
	ruleErrors  map[*rule.Rule]int64
	companions  companions
	finding     finding.Finding // reused
}

func newVisitor(p *anomalyProcessor) *visitor {
	v := &visitor{
		p: p, skipped: map[series.Reason]int64{}, transitions: map[finding.State]int64{}, ruleErrors: map[*rule.Rule]int64{},
	}
	v.sample.Attributes, v.sample.Resource = &v.point, &v.resourceOf
	v.companions.enabled = p.cfg.CompanionMetrics.Enabled
	v.companions.version = p.set.BuildInfo.Version
	return v
}

func (v *visitor) begin(ctx context.Context, received time.Time) {
	v.ctx, v.received, v.now = ctx, received, received.UnixNano()
}

// end lets go of the batch.
func (v *visitor) end() {
	v.ctx, v.host, v.selection = nil, nil, nil
	v.resource, v.metric = pmetric.ResourceMetrics{}, pmetric.Metric{}
	v.point, v.resourceOf = attributes{}, attributes{}
	v.sample = rule.Sample{Attributes: &v.point, Resource: &v.resourceOf}
	v.finding = finding.Finding{}
	v.scored = 0
	clear(v.skipped)
	clear(v.transitions)
	clear(v.ruleErrors)
	v.companions.reset()
}

// Visit implements wire.Visitor: admit, normalise, detectors and rules, gate,
// annotate. The slot is locked from admission until the gate has spoken.
func (v *visitor) Visit(p *wire.Point) {
	if p.Reason != series.Scored {
		v.skipped[p.Reason]++
		return
	}
	v.enter(p)
	if !v.selection.watched() {
		v.skipped[reasonExcluded]++
		return
	}
	v.point.m = p.Attributes
	for _, r := range v.selection.absences {
		if heard := v.p.hosts.heard[r]; !heard.Load() {
			heard.Store(true)
		}
		v.host.watch(v.p.hosts, r, v.now).hear(v.now)
	}
	slot, admission := v.p.table.Admit(p.Key, v.received)
	if admission == series.Refused {
		v.skipped[reasonTableFull]++
		v.p.tel.refused(p.Metric.Name())
		for _, w := range v.satisfied() {
			w.see(v.now)
		}
		return
	}
	outcome := v.observe(slot.Value, p)
	slot.Release()
	v.report(p, outcome)
}

// enter notes where the walk is.
func (v *visitor) enter(p *wire.Point) {
	if p.ResourceMetrics != v.resource {
		v.resource = p.ResourceMetrics
		v.resourceOf.m = p.Resource().Attributes()
		v.host = v.p.hosts.of(v.resourceOf.m, v.now)
	}
	if p.Metric != v.metric {
		v.metric = p.Metric
		v.selection = v.p.selector.of(p.Metric.Name())
	}
}

// satisfied lists the absence rules' watches for which the point is a sign of
// life.
func (v *visitor) satisfied() []*watch {
	var out []*watch
	for _, r := range v.selection.absences {
		if !r.Expects(&v.point, &v.resourceOf) {
			continue
		}
		out = append(out, v.host.watch(v.p.hosts, r, v.now))
		if w := v.p.hosts.placeholder(r); w != nil {
			out = append(out, w)
		}
	}
	return out
}

// observation is what a point led to, ready to be reported without the lock.
type observation struct {
	gate    detect.Outcome
	judged  bool // somebody has judged the point
	value   float64
	verdict verdict
}

// observe folds p into its slot, which is locked.
func (v *visitor) observe(s *slot, p *wire.Point) (o observation) {
	if s.host == nil {
		v.bind(s, p)
	}
	for _, w := range s.watches {
		w.see(v.now)
	}
	s.received = v.now
	sample, why := s.memory.Observe(&p.Reading)
	s.interval = s.memory.Interval()
	if why != series.Scored {
		v.skipped[why]++
		return o
	}
	if len(s.models) == 0 && len(s.rules) == 0 && s.gate.Open() == 0 {
		v.skipped[reasonExcluded]++
		return o
	}
	if sample.Fresh {
		s.restart(v.p.detectors)
	}
	v.scored++
	o.value = sample.Value
	var ballot vote
	v.detect(s, sample, &ballot)
	v.applyRules(s, p, sample, &ballot)
	phase := s.phase(&ballot)
	o.judged = ballot.ready || len(s.rules) > 0
	o.gate = s.gate.Fold(&v.p.gate, p.Key, sample.Time, phase)
	if o.gate.State != finding.Normal {
		o.verdict = s.judge(&ballot, phase, v.p.cfg.ZScore.Severity, v.p.detectors)
		v.remember(s, p, &o)
	} else if v.p.cfg.Annotate == AnnotateAll {
		o.verdict = s.judge(&ballot, phase, v.p.cfg.ZScore.Severity, v.p.detectors)
	}
	return o
}

func (v *visitor) bind(s *slot, p *wire.Point) {
	detectors := v.p.detectors
	if !v.selection.detect || v.p.selector.ignores(p.Attributes) {
		detectors = nil
	}
	s.bind(v.host, detectors, v.selection.rules, v.satisfied())
}

// detect lets the detectors score the sample, and counts it in the quorum.
func (v *visitor) detect(s *slot, sample series.Sample, ballot *vote) {
	point := detect.Point{Time: sample.Time, Value: sample.Value, Interval: sample.Interval, Gap: sample.Gap}
	for i, m := range s.models {
		score := m.Observe(point)
		if !score.Ready {
			continue
		}
		if !ballot.ready || score.Value > ballot.lead.Value {
			ballot.lead, ballot.ready = score, true
		}
		if score.Value >= 1 {
			ballot.exceeded |= 1 << i
		}
	}
	ballot.quorum = s.quorum.Phase()
	if ballot.ready {
		ballot.quorum = s.quorum.Fold(&v.p.quorum, sample.Time, ballot.lead.Value, sample.Gap)
	}
}

// applyRules steps the rules of the series.
func (v *visitor) applyRules(s *slot, p *wire.Point, sample series.Sample, ballot *vote) {
	if len(s.rules) == 0 {
		return
	}
	v.sample.Value, v.sample.Field = sample.Value, p.Field
	v.sample.MetricName, v.sample.MetricUnit = p.Metric.Name(), p.Metric.Unit()
	v.sample.MetricType, v.sample.ScopeName = typeName(p.Type), p.ScopeMetrics.Scope().Name()
	for i := range s.rules {
		r := s.rules[i].rule
		breached, cleared, err := r.Judge(v.ctx, &v.sample)
		if err != nil {
			v.ruleErrors[r]++
			v.p.tel.ruleFailed(r, err)
		}
		r.Step(&s.rules[i].state, sample.Time, sample.Gap, breached, cleared)
		ballot.breached = ballot.breached || breached
	}
}

// remember keeps the slot's episode and the counts that depend on it.
func (v *visitor) remember(s *slot, p *wire.Point, o *observation) {
	if s.episode == nil {
		s.episode = &episode{origin: p.Origin(), field: p.Field}
		v.p.open.add(p.Key)
	}
	ep := s.episode
	o.verdict = o.verdict.recall(ep.verdict)
	if o.gate.State == finding.Firing { // the point itself may look fine: the series does not
		o.verdict.score = max(o.verdict.score, 1)
	}
	ep.verdict = o.verdict
	ep.account(s.host, o.gate)
	if s.gate.Open() == 0 {
		s.episode = nil
		v.p.open.remove(p.Key)
	}
}

// report writes what a point led to onto the point and into the companion
// metrics. No lock is held.
func (v *visitor) report(p *wire.Point, o observation) {
	if o.gate.Changed {
		v.transitions[o.gate.State]++
	}
	if o.gate.Held {
		v.transitions[stateHeld]++
	}
	abnormal := o.gate.State != "" && o.gate.State != finding.Normal
	if abnormal {
		score := o.verdict.score
		if o.gate.State == finding.Resolved {
			score = 0
		}
		v.companions.score(p, score)
	}
	annotate := v.p.cfg.Annotate
	if annotate == AnnotateNone || (!abnormal && (!o.judged || annotate == AnnotateFlagged)) {
		return
	}
	f := &v.finding
	o.fill(f)
	p.Describe(f)
	wire.Annotate(p, f)
}

// fill writes an observation into a finding, all but what the point tells.
func (o *observation) fill(f *finding.Finding) {
	f.ID = ""
	if o.gate.ID != 0 {
		f.ID = o.gate.ID.String()
	}
	f.State, f.Value = o.gate.State, o.value
	o.verdict.fill(f)
}

func (d *verdict) fill(f *finding.Finding) {
	f.Kind, f.Direction, f.Severity, f.Fault = d.kind, d.direction, d.severity, d.fault
	f.Score, f.ZScore, f.Expected = d.score, d.z, d.expected
	f.PValue = math.NaN()
	if !math.IsNaN(d.z) {
		f.PValue = detect.Score{Z: d.z}.P()
	}
	f.Detectors, f.Rules = d.detectors, d.rules
}

// attributes lets rules read a pdata map.
type attributes struct{ m pcommon.Map }

// Attribute implements rule.Attributes.
func (a *attributes) Attribute(key string) any {
	if a.m == (pcommon.Map{}) {
		return nil
	}
	v, ok := a.m.Get(key)
	if !ok {
		return nil
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		return v.Double()
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeMap:
		return v.Map()
	case pcommon.ValueTypeSlice:
		return v.Slice()
	case pcommon.ValueTypeBytes:
		return v.Bytes().AsRaw()
	default:
		return nil
	}
}

// typeName is metric.type in conditions.
func typeName(t pmetric.MetricType) string {
	switch t {
	case pmetric.MetricTypeGauge:
		return "gauge"
	case pmetric.MetricTypeSum:
		return "sum"
	case pmetric.MetricTypeHistogram:
		return "histogram"
	case pmetric.MetricTypeExponentialHistogram:
		return "exponential_histogram"
	case pmetric.MetricTypeSummary:
		return "summary"
	default:
		return ""
	}
}
