// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Verb is one verb of a Set: what it declares and what does it. The functions
// are called with a request whose verb, target kind and parameters have been
// checked, and with a ctx that ends at Spec.MaxDuration at the latest.
type Verb struct {
	Spec    Spec
	Plan    func(ctx context.Context, req Request) (Preview, error)
	Execute func(ctx context.Context, req Request) (Result, error)
	Probe   func(ctx context.Context, req Request) (Outcome, error)             // nil unless Probeable
	Undo    func(ctx context.Context, req Request, done Result) (Result, error) // nil unless Reversible
}

// defaultMaxDuration stands in for a Spec that declares none.
const defaultMaxDuration = 30 * time.Second

// remembered is how many operations a Set recalls. An engine has a handful in
// flight; the rest is slack for one that repeats itself after a reload.
const remembered = 256

// Set is an Actuator made of verbs. It does what every actuator must do in
// the same way: it refuses unknown verbs, foreign target kinds and undeclared
// parameters, limits the time of a call, and executes one operation id of a
// verb that is not Idempotent once, answering a repetition with the first
// result. That memory is a second line: it ends with the process, so a verb
// must still refuse a target whose identity has changed.
type Set struct {
	verbs []Verb // in order of declaration; never changes

	mu    sync.Mutex // guards everything below
	done  map[string]*operation
	order []string // operation ids, oldest first
}

type operation struct {
	running bool
	result  Result
	err     error
}

// NewSet returns an Actuator with these verbs. It panics when two share a
// name or one lacks Plan or Execute, which is a mistake in the program.
func NewSet(verbs ...Verb) *Set {
	names := map[string]bool{}
	for _, v := range verbs {
		if names[v.Spec.Verb] || v.Plan == nil || v.Execute == nil ||
			(v.Spec.Replay == Probeable) != (v.Probe != nil) || v.Spec.Reversible != (v.Undo != nil) {
			panic("BUG: verb " + v.Spec.Verb + " is declared twice, or its functions do not match its spec")
		}
		names[v.Spec.Verb] = true
	}
	return &Set{verbs: verbs, done: map[string]*operation{}}
}

// Specs lists the verbs in order of declaration.
func (s *Set) Specs() []Spec {
	specs := make([]Spec, 0, len(s.verbs))
	for _, v := range s.verbs {
		specs = append(specs, v.Spec)
	}
	return specs
}

// Plan implements Actuator.
func (s *Set) Plan(ctx context.Context, req Request) (Preview, error) {
	v, ctx, cancel, err := s.enter(ctx, &req)
	if err != nil {
		return Preview{}, err
	}
	defer cancel()
	return v.Plan(ctx, req)
}

// Execute implements Actuator.
func (s *Set) Execute(ctx context.Context, req Request) (Result, error) {
	v, ctx, cancel, err := s.enter(ctx, &req)
	if err != nil {
		return Result{Outcome: Refused}, err
	}
	defer cancel()
	if v.Spec.Replay == Idempotent {
		return settle(v.Execute(ctx, req))
	}
	if req.Operation == "" {
		return Result{Outcome: Refused}, fmt.Errorf("%w: %s needs an operation id", ErrParams, req.Verb)
	}
	if earlier, repeated := s.begin(req.Operation); repeated {
		if earlier.running {
			return Result{Outcome: Refused}, fmt.Errorf("%w: operation %s is still being executed", ErrBusy, Clean(req.Operation, maxQuoted))
		}
		return earlier.result, earlier.err
	}
	result, err := settle(v.Execute(ctx, req))
	s.end(req.Operation, result, err)
	return result, err
}

// Probe implements Actuator.
func (s *Set) Probe(ctx context.Context, req Request) (Outcome, error) {
	v, ctx, cancel, err := s.enter(ctx, &req)
	if err != nil {
		return Unknown, err
	}
	defer cancel()
	if v.Probe == nil {
		return Unknown, nil
	}
	return v.Probe(ctx, req)
}

// Undo implements Actuator.
func (s *Set) Undo(ctx context.Context, req Request, done Result) (Result, error) {
	v, ctx, cancel, err := s.enter(ctx, &req)
	if err != nil {
		return Result{Outcome: Refused}, err
	}
	defer cancel()
	if v.Undo == nil {
		return Result{Outcome: Refused}, fmt.Errorf("%w: %s", ErrIrreversible, req.Verb)
	}
	return settle(v.Undo(ctx, req, done))
}

// enter finds the verb, completes the parameters and limits the time.
func (s *Set) enter(ctx context.Context, req *Request) (Verb, context.Context, context.CancelFunc, error) {
	i := slices.IndexFunc(s.verbs, func(v Verb) bool { return v.Spec.Verb == req.Verb })
	if i < 0 {
		return Verb{}, nil, nil, fmt.Errorf(`%w: "%s"`, ErrUnknownVerb, Clean(req.Verb, maxQuoted))
	}
	v := s.verbs[i]
	if req.Target.Kind != v.Spec.TargetKind {
		return Verb{}, nil, nil, fmt.Errorf(`%w: %s acts on a target of kind %s, not "%s"`, ErrParams, req.Verb, v.Spec.TargetKind, Clean(req.Target.Kind, maxQuoted))
	}
	params, err := v.Spec.Resolve(req.Params)
	if err != nil {
		return Verb{}, nil, nil, err
	}
	req.Params = params
	if err := ctx.Err(); err != nil {
		return Verb{}, nil, nil, err
	}
	limit := v.Spec.MaxDuration
	if limit == 0 {
		limit = defaultMaxDuration
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return v, ctx, cancel, nil
}

func (s *Set) begin(id string) (earlier operation, repeated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op, ok := s.done[id]; ok {
		return *op, true
	}
	s.done[id] = &operation{running: true}
	s.order = append(s.order, id)
	s.forgetOldest()
	return operation{}, false
}

// end keeps the result, unless nothing was touched: then the same operation
// may be tried again.
func (s *Set) end(id string, result Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if result.Outcome == Refused || result.Outcome == NotApplied {
		delete(s.done, id)
		s.order = slices.DeleteFunc(s.order, func(other string) bool { return other == id })
		return
	}
	s.done[id] = &operation{result: result, err: err}
}

// forgetOldest never forgets an operation that is running.
func (s *Set) forgetOldest() {
	for i := 0; len(s.order) > remembered && i < len(s.order); {
		if s.done[s.order[i]].running {
			i++
			continue
		}
		delete(s.done, s.order[i])
		s.order = slices.Delete(s.order, i, i+1)
	}
}

// settle reads an outcome that was left empty as Unknown.
func settle(result Result, err error) (Result, error) {
	if result.Outcome == "" {
		result.Outcome = Unknown
	}
	return result, err
}
