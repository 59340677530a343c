// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// jobKind is what a worker is asked to do.
type jobKind int

const (
	jobPreview jobKind = iota // what would happen
	jobExecute                // do it
	jobProbe                  // did it happen
	jobGone                   // is the target that was acted on still there
	jobDial                   // does an address accept connections
)

// job is one call of an actuator, or one look at an address.
type job struct {
	id       uint64
	kind     jobKind
	incident string
	request  actuator.Request
	address  string // of jobDial
	limit    time.Duration
	deadline time.Time // when the loop gives up on it
	step     int
	attempt  int
}

// key names the place of a job: an incident has at most one of a kind.
func (j job) key() string { return fmt.Sprintf("%s/%d", j.incident, j.kind) }

// result is what came of a job.
type result struct {
	id      uint64
	preview actuator.Preview
	done    actuator.Result
	outcome actuator.Outcome
	err     error
}

// lateness is how long after its limit a call may still answer. Actuators
// honour their context; one that does not is given up.
const lateness = 2 * time.Second

// hands call actuators: each call has a goroutine of its own, at most max at
// once. A call that hangs keeps its place until it returns, so that hung
// actuators are bounded too, but nobody waits for it.
type hands struct {
	ctx     context.Context // ends every call at shutdown
	verbs   map[string]actuator.Actuator
	max     int
	results chan result // holds an answer of every worker
	stopped func() string

	wg      sync.WaitGroup
	next    uint64
	waiting map[string]job    // by key: those that the loop waits for
	running map[uint64]string // by id: the keys of all goroutines
}

func newHands(ctx context.Context, verbs map[string]actuator.Actuator, limit int, stopped func() string) *hands {
	return &hands{
		ctx: ctx, verbs: verbs, max: limit, results: make(chan result, limit), stopped: stopped,
		waiting: map[string]job{}, running: map[uint64]string{},
	}
}

// free is how many more calls may run.
func (h *hands) free() int { return h.max - len(h.running) }

// busy is how many calls have not answered.
func (h *hands) busy() int { return len(h.running) }

// waits reports whether the loop waits for such a job.
func (h *hands) waits(incident string, kind jobKind) bool {
	_, ok := h.waiting[job{incident: incident, kind: kind}.key()]
	return ok
}

// runs reports whether such a call has not returned, given up or not.
func (h *hands) runs(incident string, kind jobKind) bool {
	key := job{incident: incident, kind: kind}.key()
	for _, running := range h.running {
		if running == key {
			return true
		}
	}
	return false
}

// begin starts a job unless every place is taken or one like it is under way.
func (h *hands) begin(j job, now time.Time) bool {
	if h.free() < 1 || h.waits(j.incident, j.kind) {
		return false
	}
	h.next++
	j.id = h.next
	j.deadline = now.Add(j.limit + lateness)
	h.waiting[j.key()] = j
	h.running[j.id] = j.key()
	h.wg.Go(func() {
		r := h.call(j)
		r.id = j.id
		h.results <- r
	})
	return true
}

// settle takes note that a job has answered. ours is false when the loop has
// given it up.
func (h *hands) settle(r result) (j job, ours bool) {
	key := h.running[r.id]
	delete(h.running, r.id)
	j, ours = h.waiting[key]
	if !ours || j.id != r.id {
		return job{}, false
	}
	delete(h.waiting, key)
	return j, true
}

// overdue gives up on jobs whose deadline has passed, and returns them.
func (h *hands) overdue(now time.Time) []job {
	var late []job
	for key, j := range h.waiting {
		if now.After(j.deadline) {
			late = append(late, j)
			delete(h.waiting, key)
		}
	}
	return late
}

// call runs in a worker. A panic of an actuator is an unknown outcome.
func (h *hands) call(j job) (r result) {
	ctx, cancel := context.WithTimeout(h.ctx, j.limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			r = result{outcome: actuator.Unknown, done: actuator.Result{Outcome: actuator.Unknown}, err: fmt.Errorf("%w: %v", errPanic, p)}
		}
	}()
	if j.kind == jobDial {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", j.address)
		if err == nil {
			err = conn.Close()
		}
		return result{err: err}
	}
	a := h.verbs[j.request.Verb]
	switch j.kind {
	case jobExecute:
		// The last look before the effect: a decision may have waited for a
		// worker, a person must not.
		if why := h.stopped(); why != "" {
			return result{done: actuator.Result{Outcome: actuator.NotApplied}, err: fmt.Errorf("%w: %s", errStopped, why)}
		}
		done, err := a.Execute(ctx, j.request)
		return result{done: done, err: err}
	case jobProbe:
		outcome, err := a.Probe(ctx, j.request)
		return result{outcome: outcome, err: err}
	default:
		preview, err := a.Plan(ctx, j.request)
		return result{preview: preview, err: err}
	}
}

var (
	errPanic   = errors.New("the actuator panicked")
	errStopped = errors.New("the stop switch was thrown")
)

// code is the reason code of an actuator's error.
func code(err error) string {
	for _, known := range []struct {
		err  error
		code string
	}{
		{actuator.ErrNotFound, "target_not_found"},
		{actuator.ErrAmbiguous, "target_ambiguous"},
		{actuator.ErrIdentityChanged, "identity_changed"},
		{actuator.ErrProtected, "target_protected"},
		{actuator.ErrBusy, "owner_busy"},
		{actuator.ErrParams, "params_refused"},
		{actuator.ErrUnknownVerb, "unknown_verb"},
		{errStopped, "stopped"},
		{context.DeadlineExceeded, "actuator_timeout"},
		{context.Canceled, "shutdown"},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return "actuator_error"
}
