// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/incident"
)

// class is what a step has by default, by impact of its verb.
type class struct {
	settle, hold, deadline time.Duration
	attempts               int
}

var classes = map[actuator.Impact]class{
	actuator.Adjust:  {30 * time.Second, 2 * time.Minute, 5 * time.Minute, 2},
	actuator.Restart: {time.Minute, 5 * time.Minute, 10 * time.Minute, 2},
	actuator.Destroy: {30 * time.Second, 5 * time.Minute, 10 * time.Minute, 1},
	actuator.Host:    {10 * time.Minute, 10 * time.Minute, 30 * time.Minute, 1},
}

// Bind completes plans with the verbs that actuators declare and checks what
// can only be checked then: verbs, parameters, target kinds, the order of
// steps and what runs unasked. It errs with every mistake at once.
func Bind(plans []Plan, verbs map[string]actuator.Spec) ([]Plan, error) {
	var errs []error
	out := make([]Plan, 0, len(plans))
	for _, p := range plans {
		steps := make([]Step, 0, len(p.Steps))
		lightest := actuator.Observe
		for _, s := range p.Steps {
			bound, err := p.bind(s, verbs)
			if err != nil {
				errs = append(errs, fmt.Errorf("plan %q: step %q: %w", p.ID, s.ID, err))
				continue
			}
			if !bound.Escalates() {
				if lightest.HeavierThan(bound.Spec.Impact) {
					errs = append(errs, fmt.Errorf("plan %q: step %q: %s (%s) is lighter than a step before it (%s): order steps from light to heavy", p.ID, s.ID, s.Action, bound.Spec.Impact, lightest))
				} else {
					lightest = bound.Spec.Impact
				}
			}
			steps = append(steps, bound)
		}
		p.Steps = steps
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

func (p Plan) bind(s Step, verbs map[string]actuator.Spec) (Step, error) {
	if s.Escalates() {
		return s.bare(Escalate)
	}
	spec, known := verbs[s.Action]
	if !known {
		return s, fmt.Errorf("action: unknown verb %q (known are: %s): name the actuator that has it in actuators", clean(s.Action), verbNames(verbs))
	}
	if spec.TargetKind != p.Target.Kind {
		return s, fmt.Errorf("action: %s takes a target of kind %s, the plan's target is a %s", s.Action, spec.TargetKind, clean(p.Target.Kind))
	}
	params, err := spec.Resolve(s.Params)
	if err != nil {
		return s, fmt.Errorf("params: %w", err)
	}
	s.Spec, s.Params = spec, params
	if spec.Impact == actuator.Observe {
		return s.bare(s.Action)
	}
	return s.complete(p)
}

// bare checks that a step that changes nothing has no keys for those that do.
func (s Step) bare(action string) (Step, error) {
	if s.Verify != nil || s.Settle >= 0 || s.Attempts > 1 || s.Backoff != (incident.Backoff{}) || s.Reason != "" {
		return s, fmt.Errorf("%s changes nothing: attempts, backoff, settle, verify and reason have no effect", action)
	}
	if s.Escalates() && len(s.Params) > 0 {
		return s, fmt.Errorf("params: %s takes none", action)
	}
	s.Attempts, s.Settle = 1, 0
	return s, nil
}

func (s Step) complete(p Plan) (Step, error) {
	def := classes[s.Spec.Impact]
	if s.Verify == nil {
		return s, fmt.Errorf("verify is missing: %s changes something (%s), so say how its success is proven, such as {clear: true}", s.Action, s.Spec.Impact)
	}
	if s.Attempts == 0 {
		s.Attempts = def.attempts
	}
	if s.Backoff != (incident.Backoff{}) && s.Attempts == 1 {
		return s, errors.New("backoff has no effect with one attempt")
	}
	if s.Backoff == (incident.Backoff{}) {
		s.Backoff = defaultBackoff
	}
	if s.Settle < 0 {
		s.Settle = def.settle
	}
	v := *s.Verify
	if v.Hold < 0 {
		v.Hold = def.hold
	}
	if v.Deadline < 0 {
		v.Deadline = max(def.deadline, s.Settle+v.Hold+time.Minute)
	}
	if v.Deadline < s.Settle+v.Hold {
		return s, fmt.Errorf("verify::deadline must be at least settle + hold, %s (got %s): otherwise nothing can pass", s.Settle+v.Hold, v.Deadline)
	}
	s.Verify = &v
	switch {
	case s.Spec.Impact == actuator.Host && p.Mode == Auto:
		return s, fmt.Errorf("%s takes the whole host and must not run unasked: set the plan's mode to approve", s.Action)
	case s.Spec.Impact == actuator.Host && s.Attempts > 1:
		return s, fmt.Errorf("attempts must be 1 for %s, which takes the whole host (got %d)", s.Action, s.Attempts)
	case s.Spec.Impact == actuator.Destroy && p.Mode == Auto && strings.TrimSpace(s.Reason) == "":
		return s, fmt.Errorf("reason is missing: %s destroys something, so say why it may run unasked, or set the plan's mode to approve", s.Action)
	}
	return s, nil
}

func verbNames(verbs map[string]actuator.Spec) string {
	if len(verbs) == 0 {
		return "none, because actuators is empty"
	}
	names := make([]string, 0, len(verbs))
	for name := range verbs {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
