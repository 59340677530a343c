// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/homeostat/homeostat/internal/rule"
)

// selection is what is done with the series of one metric. It never changes.
type selection struct {
	detect   bool // the detectors watch it
	rules    []*rule.Rule
	absences []*rule.Rule
}

// watched reports whether anybody looks at the metric.
func (s *selection) watched() bool { return s.detect || len(s.rules) > 0 || len(s.absences) > 0 }

// maxSelections bounds the memory for names that a hostile sender makes up.
// Beyond it the answer is worked out each time.
const maxSelections = 10_000

// selector says what is done with a metric. It is safe for concurrent use.
type selector struct {
	include, exclude []rule.Pattern
	ignore           map[string][]string
	rules            *rule.Set

	known sync.Map // name -> *selection
	count atomic.Int64
}

func newSelector(cfg *Config, rules *rule.Set) *selector {
	return &selector{include: patterns(cfg.Include), exclude: patterns(cfg.Exclude), ignore: cfg.Ignore, rules: rules}
}

func patterns(texts []string) []rule.Pattern {
	out := make([]rule.Pattern, len(texts))
	for i, t := range texts {
		out[i] = rule.Pattern(t)
	}
	return out
}

// of returns what is done with a metric.
func (s *selector) of(metric string) *selection {
	if known, ok := s.known.Load(metric); ok {
		return known.(*selection)
	}
	sel := &selection{
		detect:   (len(s.include) == 0 || rule.AnyMatches(s.include, metric)) && !rule.AnyMatches(s.exclude, metric),
		rules:    s.rules.For(metric),
		absences: s.rules.Absences(metric),
	}
	if s.count.Add(1) <= maxSelections {
		s.known.Store(strings.Clone(metric), sel) // the name must not keep its batch alive
	}
	return sel
}

// ignores reports whether a point is of a series that says nothing new.
func (s *selector) ignores(attributes pcommon.Map) bool {
	for key, values := range s.ignore {
		v, ok := attributes.Get(key)
		if !ok || v.Type() != pcommon.ValueTypeStr {
			continue
		}
		for _, ignored := range values {
			if v.Str() == ignored {
				return true
			}
		}
	}
	return false
}
