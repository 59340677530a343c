// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/remediationengine/internal/metadata"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/journal"
	"github.com/homeostat/homeostat/internal/plan"
	"github.com/homeostat/homeostat/internal/series"
)

// tick is how often time alone can change something: warm-ups, settling
// times, deadlines. Evidence and answers are acted on when they arrive.
const tick = time.Second

// loop decides. One goroutine runs it and owns everything in it; others reach
// it through intake, commands and the results of workers.
type loop struct {
	ctx     context.Context // of Start, without its end: what is decided is counted and written whoever stops waiting
	cfg     *Config
	log     *zap.Logger
	tel     *metadata.TelemetryBuilder
	around  surroundings
	started time.Time
	ceiling plan.Mode
	limits  guard.Limits
	plans   []plan.Plan
	hands   *hands

	intake   *intake
	commands chan command
	book     *incident.Book
	journal  *journal.Journal
	durable  *atomic.Bool // the storage writes with fsync, as far as is known
	known    *atomic.Bool // durable has been told
	standing *atomic.Pointer[standing]
	beat     *atomic.Int64 // unix seconds of the last turn
	report   func(err error)

	ledger  *guard.Ledger
	control journal.Control
	policy  guard.Policy
	digests map[string]string              // of plans, by id
	listen  map[series.Key]map[string]bool // open incidents by the series they listen to
	busy    map[string]map[string]bool     // open incidents in flight, by target
	asked   map[string]time.Time           // when a preview or check was last begun, by job key
	views   map[string]view                // previews that a decision may rest on, by incident
	lost    int64                          // audit records dropped, as last counted
	fails   int64                          // journal failures, as last counted
	swept   time.Time
	read    time.Time // when the policy was last read
	unread  error     // why it could not be

	unreadable string // why the journal could not be opened; holds until a restart
}

// view is a preview with the moment it was made for.
type view struct {
	preview guard.Preview
	at      time.Time
	step    int
	attempt int
}

// command is something that a person asked for. do runs in the loop.
type command struct {
	do    func(now time.Time) error
	reply chan error
}

// run decides until ctx ends, and then until every worker has answered or
// patience ends.
func (l *loop) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	l.turn(time.Now(), func(now time.Time) { l.advanceAll(now) }) //nolint:contextcheck // a call of an actuator ends with the engine, not with this
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.intake.wake:
			l.turn(time.Now(), l.hear)
		case r := <-l.hands.results:
			l.turn(time.Now(), func(now time.Time) { l.learn(r, now) }) //nolint:contextcheck // a call of an actuator ends with the engine, not with this
		case c := <-l.commands:
			l.turn(time.Now(), func(now time.Time) { c.reply <- c.do(now) })
		case <-ticker.C:
			l.turn(time.Now(), func(now time.Time) { l.overdue(now); l.advanceAll(now); l.sweep(now) }) //nolint:contextcheck // a call of an actuator ends with the engine, not with this
		}
	}
}

// drain takes in what workers still have to say after the loop has ended, so
// that an outcome that is known is not lost.
func (l *loop) drain(patience time.Duration) (abandoned int) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for l.hands.busy() > 0 {
		select {
		case r := <-l.hands.results:
			now := time.Now().UTC()
			if job, ours := l.hands.settle(r); ours && job.kind == jobExecute {
				l.concluded(job, r, now)
			}
		case <-deadline.C:
			return l.hands.busy()
		}
	}
	return 0
}

// turn does one thing and makes it durable.
func (l *loop) turn(now time.Time, do func(time.Time)) {
	now = now.UTC()
	l.beat.Store(now.Unix())
	l.stand(now)
	do(now)
	l.flush()
	l.stand(now)
}

// flush writes what happened. What cannot be written is kept, and nothing is
// executed until it is.
func (l *loop) flush() {
	if l.journal.Dirty() {
		if err := l.journal.Flush(l.ctx); err != nil {
			l.log.Error("the journal cannot be written, nothing is executed until it can", zap.Error(err))
		}
	}
	if n := l.journal.Failures(); n > l.fails {
		l.tel.RemediationEngineJournalFailures.Add(l.ctx, n-l.fails)
		l.fails = n
	}
	if n := l.journal.Outbox().Dropped(); n > l.lost {
		l.tel.RemediationEngineAuditDropped.Add(l.ctx, n-l.lost)
		l.lost = n
	}
}

// state is everything that the journal protects.
func (l *loop) state() journal.State {
	return journal.State{Incidents: l.book.List(), Ledger: l.ledger.Clone(), Control: l.control}
}

// apply folds one event, notes it and tells everybody.
func (l *loop) apply(ev incident.Event) (incident.Incident, bool) {
	before, after, err := l.book.Apply(ev, ev.Time)
	switch {
	case errors.Is(err, incident.ErrFull):
		l.tel.RemediationEngineIncidentsRefused.Add(l.ctx, 1)
		return before, false
	case err != nil:
		l.log.Error("an event was refused", zap.String("incident", ev.Incident), zap.Error(err))
		return before, false
	}
	l.follow(before, after)
	if !ev.Kind.Volatile() {
		var changed *guard.Ledger
		if l.ledger.Fold(ev, after) {
			changed = l.ledger
		}
		said := records(ev, before, after)
		l.journal.Add([]incident.Event{ev}, changed, said)
		l.tell(ev, before, after, said)
	}
	return after, true
}

// follow keeps the indices in step with the book.
func (l *loop) follow(before, after incident.Incident) {
	known := len(before.Evidence)
	if before.ID == "" {
		known = 0
	}
	if after.State.Closed() {
		if !before.State.Closed() {
			for _, s := range before.Evidence {
				l.unlisten(s.Last.Series, after.ID)
			}
		}
		delete(l.views, after.ID)
		delete(l.asked, after.ID)
		for _, kind := range []jobKind{jobGone, jobDial} {
			delete(l.asked, job{incident: after.ID, kind: kind}.key())
		}
	} else {
		for _, s := range after.Evidence[known:] {
			l.hearken(s.Last.Series, after.ID)
		}
	}
	target := after.Target.String()
	if after.State.InFlight() {
		if l.busy[target] == nil {
			l.busy[target] = map[string]bool{}
		}
		l.busy[target][after.ID] = true
	} else if l.busy[target][after.ID] {
		delete(l.busy[target], after.ID)
		if len(l.busy[target]) == 0 {
			delete(l.busy, target)
		}
	}
}

func (l *loop) hearken(key series.Key, id string) {
	if l.listen[key] == nil {
		l.listen[key] = map[string]bool{}
	}
	if !l.listen[key][id] {
		l.listen[key][id] = true
		l.intake.listen(key, 1)
	}
}

func (l *loop) unlisten(key series.Key, id string) {
	if l.listen[key][id] {
		delete(l.listen[key], id)
		if len(l.listen[key]) == 0 {
			delete(l.listen, key)
		}
		l.intake.listen(key, -1)
	}
}

// hear takes in what detection saw.
func (l *loop) hear(now time.Time) {
	touched := map[string]bool{}
	for _, f := range l.intake.take() {
		for _, id := range l.evidence(f, now) {
			touched[id] = true
		}
	}
	for _, id := range sorted(touched) {
		l.advance(id, now)
	}
}

// evidence hands a finding to every open incident that it concerns, opens one
// where a plan or a named fault asks for it, and returns their ids.
func (l *loop) evidence(f finding.Finding, now time.Time) []string {
	p := point(f)
	ids := l.listeners(f)
	for _, id := range ids {
		l.apply(incident.Event{Kind: incident.KindEvidence, Incident: id, Time: now, Point: &p})
	}
	if f.State != finding.Firing {
		return ids
	}
	matched, planned := plan.Find(l.plans, f)
	fault := faultOf(f)
	target := plan.Unplanned(f, l.around.host)
	switch {
	case planned:
		found, err := matched.Target.Resolve(f, l.around.host)
		if err != nil {
			l.log.Debug("a plan matched, but the finding names no target", zap.String("plan", matched.ID), zap.Error(err))
			l.tel.RemediationEngineEvidenceUnmatched.Add(l.ctx, 1)
			return ids
		}
		target = found
	case f.Fault == "" || len(f.Rules) == 0:
		if len(ids) == 0 {
			l.tel.RemediationEngineEvidenceUnmatched.Add(l.ctx, 1)
		}
		return ids
	}
	open, ok := l.book.Open(incident.KeyOf(target, fault))
	if !ok {
		open, ok = l.book.Find(func(in incident.Incident) bool { return in.Concerns(target, fault, began(f)) })
	}
	if ok {
		if !slices.Contains(ids, open.ID) {
			l.apply(incident.Event{Kind: incident.KindEvidence, Incident: open.ID, Time: now, Point: &p})
			ids = append(ids, open.ID)
		}
		return ids
	}
	if l.book.Siblings(target) >= maxSiblings {
		l.tel.RemediationEngineIncidentsRefused.Add(l.ctx, 1)
		return ids
	}
	ev := incident.Open(target, target.Attr[actuator.AttrHost], fault, matched.ID, l.digests[matched.ID], p, now)
	ev.Reason, ev.Text = "evidence", describe(f, target)
	if in, ok := l.apply(ev); ok {
		ids = append(ids, in.ID)
	}
	return ids
}

// maxSiblings bounds the open incidents about one target. Each process has
// its own, and a program that breeds processes must not fill the book.
const maxSiblings = 32

// listeners are the ids of the open incidents that a finding is evidence for
// because they listen to its series. A process id may be used again, and then
// the series goes on: what the successor does is no evidence here.
func (l *loop) listeners(f finding.Finding) []string {
	var ids []string
	for _, id := range sorted(l.listen[f.Series]) {
		if in, ok := l.book.Get(id); ok && !in.Succeeded(began(f)) {
			ids = append(ids, id)
		}
	}
	return ids
}

// began is when the process that a finding is about began, zero where it does
// not say. A start that is not before its point says nothing.
func began(f finding.Finding) time.Time {
	if !f.Start.Before(f.Time) {
		return time.Time{}
	}
	return f.Start
}

// sweep forgets closed incidents whose retention is over.
func (l *loop) sweep(now time.Time) {
	if now.Sub(l.swept) >= time.Minute || now.Before(l.swept) {
		l.swept = now
		l.book.Sweep(now.Add(-l.cfg.Retention), now)
	}
}

// advanceAll looks at every open incident.
func (l *loop) advanceAll(now time.Time) {
	for _, in := range l.book.List() {
		if !in.State.Closed() || in.State == incident.Resolved {
			l.advance(in.ID, now)
		}
	}
}

// maxMoves bounds how many transitions one incident makes in one turn; no
// path through the protocol is longer.
const maxMoves = 16

// advance moves one incident as far as it goes now.
func (l *loop) advance(id string, now time.Time) {
	for range maxMoves {
		in, ok := l.book.Get(id)
		if !ok || !l.move(in, now) {
			return
		}
	}
}

// note adds a record that concerns the engine itself.
func (l *loop) note(now time.Time, name string, severity audit.Severity, body string, attributes map[string]any) {
	l.journal.Add(nil, nil, []audit.Record{{Time: now, Name: name, Severity: severity, Body: body, Attributes: attributes}})
}
