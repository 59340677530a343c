// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"

	"github.com/homeostat/homeostat/internal/finding"
)

// MaxRules bounds a Set: each rule that names a metric costs every series of
// that metric a state.
const MaxRules = 1000

// Spec is one rule as its author wrote it: Metric with Condition, or Absent.
type Spec struct {
	Name          string
	Metric        Pattern
	Condition     string // OTTL on Sample
	Clear         string // OTTL on Sample; "" means: not Condition
	For           time.Duration
	KeepFiringFor time.Duration
	Fault         string
	Severity      finding.Severity  // "" means warning
	Direction     finding.Direction // "" where there is none
	Absent        *AbsentSpec
}

// AbsentSpec describes series of which at least one must be reported by a host.
type AbsentSpec struct {
	Metric     Pattern
	Attributes map[string]Pattern // each in the point's or the resource's attributes
}

// Rule is a compiled Spec. It never changes and is safe for concurrent use.
type Rule struct {
	Spec
	condition *ottl.Condition[*Sample]
	clear     *ottl.Condition[*Sample] // nil: not condition
}

// Set is all rules of one processor. It never changes.
type Set struct {
	conditions []*Rule
	exact      map[string][]*Rule // by metric name, in the order of the configuration
	globs      []*Rule            // rules whose metric is a pattern
	absent     []*Rule
}

// Compile makes a Set. The error joins what is wrong with each rule and names
// the rule, the key, its text and the remedy.
func Compile(specs []Spec, parser Parser) (*Set, error) {
	set := &Set{exact: map[string][]*Rule{}}
	if len(specs) > MaxRules {
		return nil, fmt.Errorf("rules must be at most %d (got %d); merge some with a glob in metric", MaxRules, len(specs))
	}
	var errs []error
	names := map[string]bool{}
	for i, spec := range specs {
		if spec.Name == "" {
			errs = append(errs, fmt.Errorf("rule %d: name must not be empty; findings, plans and logs refer to the rule by it", i))
			continue
		}
		if names[spec.Name] {
			errs = append(errs, fmt.Errorf("rule %q: name is taken by an earlier rule; give each rule its own", spec.Name))
		}
		names[spec.Name] = true
		r, err := compile(spec, parser)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		set.add(r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return set, nil
}

func (s *Set) add(r *Rule) {
	switch {
	case r.Absent != nil:
		s.absent = append(s.absent, r)
		return
	case r.Metric.Exact():
		s.exact[string(r.Metric)] = append(s.exact[string(r.Metric)], r)
	default:
		s.globs = append(s.globs, r)
	}
	s.conditions = append(s.conditions, r)
}

// For returns the condition rules of a metric: exact names first, then globs,
// each in the order of the configuration. The answer is the same for the life
// of the Set, so that a caller asks once for each series.
func (s *Set) For(metric string) []*Rule {
	rules := s.exact[metric]
	for _, r := range s.globs {
		if r.Metric.Matches(metric) {
			rules = append(slices.Clip(rules), r)
		}
	}
	return rules
}

// Absences returns the absence rules that listen to a metric.
func (s *Set) Absences(metric string) []*Rule {
	var rules []*Rule
	for _, r := range s.absent {
		if r.Absent.Metric.Matches(metric) {
			rules = append(rules, r)
		}
	}
	return rules
}

// Conditions returns all condition rules; read only.
func (s *Set) Conditions() []*Rule { return s.conditions }

// Absent returns all absence rules; read only.
func (s *Set) Absent() []*Rule { return s.absent }

// Named returns the rule of that name, or nil.
func (s *Set) Named(name string) *Rule {
	for _, rules := range [...][]*Rule{s.conditions, s.absent} {
		for _, r := range rules {
			if r.Name == name {
				return r
			}
		}
	}
	return nil
}

// Names lists all rules.
func (s *Set) Names() []string {
	var names []string
	for _, r := range s.conditions {
		names = append(names, r.Name)
	}
	for _, r := range s.absent {
		names = append(names, r.Name)
	}
	return names
}

// Judge evaluates the conditions on s. An error (a converter that got another
// type than it takes) counts as not breached.
func (r *Rule) Judge(ctx context.Context, s *Sample) (breached, cleared bool, err error) {
	breached, err = r.condition.Eval(ctx, s)
	if err != nil {
		return false, r.clear == nil, fmt.Errorf("rule %q: condition %q: %w", r.Name, r.Condition, err)
	}
	if r.clear == nil || breached {
		return breached, !breached, nil
	}
	cleared, err = r.clear.Eval(ctx, s)
	if err != nil {
		return breached, true, fmt.Errorf("rule %q: clear %q: %w", r.Name, r.Clear, err)
	}
	return breached, cleared, nil
}

func compile(spec Spec, parser Parser) (*Rule, error) {
	if spec.Severity == "" {
		spec.Severity = finding.Warning
	}
	if err := spec.check(); err != nil {
		return nil, err
	}
	r := &Rule{Spec: spec}
	if spec.Absent != nil {
		return r, nil
	}
	var err error
	if r.condition, err = parser.ParseCondition(spec.Condition); err != nil {
		return nil, fmt.Errorf("rule %q: condition %q is no OTTL condition: %w; write for example: value > 0.9 and attributes[\"state\"] == \"used\"", spec.Name, spec.Condition, err)
	}
	if spec.Clear != "" {
		if r.clear, err = parser.ParseCondition(spec.Clear); err != nil {
			return nil, fmt.Errorf("rule %q: clear %q is no OTTL condition: %w; write for example: value < 0.8, or leave it out", spec.Name, spec.Clear, err)
		}
	}
	return r, nil
}

// check finds what is wrong with s apart from its conditions.
func (s *Spec) check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("rule %q: "+format, append([]any{s.Name}, args...)...)
	}
	switch {
	case s.For < 0:
		return wrong("for must not be negative (got %s)", s.For)
	case s.KeepFiringFor < 0:
		return wrong("keep_firing_for must not be negative (got %s)", s.KeepFiringFor)
	case s.Severity.Rank() == 0:
		return wrong("severity must be info, warning or critical (got %q)", s.Severity)
	case s.Direction != "" && s.Direction != finding.Up && s.Direction != finding.Down:
		return wrong("direction must be up or down, or left out (got %q)", s.Direction)
	}
	if s.Absent == nil {
		switch {
		case s.Metric == "":
			return wrong("metric must not be empty; name the metric that the condition is about, or use absent")
		case s.Condition == "":
			return wrong("condition must not be empty; write for example: value > 0.9")
		}
		return nil
	}
	switch {
	case s.Metric != "":
		return wrong("metric %q has no effect beside absent; write it as absent.metric", s.Metric)
	case s.Condition != "":
		return wrong("condition %q has no effect beside absent; use absent.attributes, or a rule of its own", s.Condition)
	case s.Clear != "":
		return wrong("clear %q has no effect beside absent: the rule clears when the series is reported again", s.Clear)
	case s.Direction != "":
		return wrong("direction %q has no effect beside absent: a missing value has no side", s.Direction)
	case s.Absent.Metric == "":
		return wrong("absent.metric must not be empty; name the metric that must be reported")
	case !s.Absent.Metric.Exact():
		return wrong("absent.metric must be a name without * or ? (got %q): the finding is about that metric", s.Absent.Metric)
	case s.For == 0:
		return wrong("for must be positive beside absent (got 0s); say how long the series may be missing, for example 15s")
	}
	for key, p := range s.Absent.Attributes {
		if key == "" || p == "" {
			return wrong("absent.attributes must map a name to a text or glob (got %q: %q)", key, p)
		}
	}
	return nil
}
