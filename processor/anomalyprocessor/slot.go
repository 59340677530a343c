// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"math"
	"sync"
	"time"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/internal/wire"
)

// slot is everything that is remembered of one series. The lock of its shard
// in the table guards all of it.
type slot struct {
	memory   series.Memory
	quorum   detect.Quorum
	gate     detect.Gate
	models   []detect.Model // one for each detector, in their order; none where they do not watch
	rules    []ruleSlot
	watches  []*watch // absence rules that this series satisfies
	host     *host    // nil until the first point in this process
	episode  *episode // of the open gate; nil when it is closed
	received int64    // when the last point came, Unix nanoseconds
	interval time.Duration
}

// ruleSlot is one rule on one series.
type ruleSlot struct {
	rule  *rule.Rule
	state rule.State
}

// episode is what is remembered of an open episode, so that it can be spoken
// of when its voters are calm or its series is silent.
type episode struct {
	origin   wire.Origin
	field    string
	verdict  verdict
	severity finding.Severity // heaviest so far; counted in the host's active series while firing
	counted  bool
}

// bind makes a new or restored slot ready for its series. Models and rule
// states that were restored stay where the configuration still has them.
func (s *slot) bind(h *host, detectors []detect.Detector, rules []*rule.Rule, watches []*watch) {
	if len(s.models) != len(detectors) {
		s.models = nil
		for _, d := range detectors {
			s.models = append(s.models, d.New())
		}
	}
	s.rules = rebind(s.rules, rules)
	s.watches = watches
	s.host = h
	h.series.Add(1)
}

// rebind keeps the states of the rules that still apply.
func rebind(have []ruleSlot, want []*rule.Rule) []ruleSlot {
	if len(want) == 0 {
		return nil
	}
	out := make([]ruleSlot, len(want))
	for i, r := range want {
		out[i].rule = r
		for j := range have {
			if have[j].rule == r {
				out[i].state = have[j].state
			}
		}
	}
	return out
}

// restart forgets what was learned: the series has become another one.
func (s *slot) restart(detectors []detect.Detector) {
	for i := range s.models {
		s.models[i] = detectors[i].New()
	}
	for i := range s.rules {
		s.rules[i].state = rule.State{}
	}
	s.quorum = detect.Quorum{}
}

// silentAfter is how long the series may be silent while an episode is open.
func (s *slot) silentAfter() time.Duration { return max(10*s.interval, time.Minute) }

// verdict is what the voters of one series say of one point.
type verdict struct {
	phase     detect.Phase
	score     float64 // 1.0 is the alarm level
	z         float64 // NaN where no detector gave one
	expected  float64 // NaN where no detector gave one
	kind      finding.Kind
	direction finding.Direction
	severity  finding.Severity
	fault     string
	detectors []string
	rules     []string
}

// vote collects what the voters say of one point of a slot.
type vote struct {
	lead     detect.Score // the highest of the detectors
	ready    bool         // a detector has judged
	exceeded uint32       // detectors at or above the alarm level, by bit
	breached bool         // the condition of a rule holds
	quorum   detect.Phase // of the detectors together
}

// phase is the highest phase of all voters.
func (s *slot) phase(v *vote) detect.Phase {
	highest := v.quorum
	for i := range s.rules {
		highest = max(highest, s.rules[i].state.Phase())
	}
	return highest
}

// score is the number on one scale for all voters.
func (v *vote) score() float64 {
	score := 0.0
	if v.ready {
		score = v.lead.Value
	}
	if v.breached {
		score = max(score, 1)
	}
	return score
}

// judge explains the phase of the voters. Only voters in the highest phase
// give a finding its severity, fault and names: a rule that is still waiting
// must not lend its fault to what statistics alone have raised.
func (s *slot) judge(v *vote, phase detect.Phase, severity finding.Severity, detectors []detect.Detector) verdict {
	out := verdict{phase: phase, score: v.score(), z: math.NaN(), expected: math.NaN()}
	if v.ready {
		out.z, out.expected, out.direction = v.lead.Z, v.lead.Expected, v.lead.Direction
	}
	if phase == detect.Calm {
		return out
	}
	if v.quorum == phase {
		out.severity, out.kind = severity, finding.Spike
		if s.quorum.Sustained() {
			out.kind = finding.LevelShift
		}
		for i, d := range detectors {
			if v.exceeded&(1<<i) != 0 {
				out.detectors = append(out.detectors, d.Name())
			}
		}
	}
	for i := range s.rules {
		r := s.rules[i].rule
		if s.rules[i].state.Phase() != phase {
			continue
		}
		out.kind = finding.Threshold
		out.rules = append(out.rules, r.Name)
		if r.Fault != "" && (out.fault == "" || r.Severity.Rank() > out.severity.Rank()) {
			out.fault = r.Fault
		}
		if r.Severity.Rank() > out.severity.Rank() {
			out.severity = r.Severity
		}
		if r.Direction != "" {
			out.direction = r.Direction
		}
	}
	return out
}

// recall completes a verdict of calm voters, and of detectors that stay below
// the alarm level for a moment, with what was last said of the episode.
func (v verdict) recall(before verdict) verdict {
	if v.phase == detect.Calm {
		v.kind, v.severity, v.fault = before.kind, before.severity, before.fault
		v.detectors, v.rules = before.detectors, before.rules
		if before.direction != "" {
			v.direction = before.direction
		}
	}
	if len(v.detectors) == 0 && len(v.rules) == 0 {
		v.detectors = before.detectors
	}
	return v
}

// openEpisodes are the keys of series with an open episode. It is a leaf lock:
// it may be taken while a slot is held, and nothing is called while it is held.
type openEpisodes struct {
	mu   sync.Mutex
	keys map[series.Key]struct{} // guarded by mu
}

func (o *openEpisodes) add(key series.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys[key] = struct{}{}
}

func (o *openEpisodes) remove(key series.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.keys, key)
}

// list appends the keys to dst.
func (o *openEpisodes) list(dst []series.Key) []series.Key {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key := range o.keys {
		dst = append(dst, key)
	}
	return dst
}
