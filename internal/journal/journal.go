// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
)

// ErrUnavailable says that the journal could not be written in time. Nothing
// may be dispatched on what was not written.
var ErrUnavailable = errors.New("the journal cannot be written")

// ErrLate says that a write took too long, so that it may still reach the
// disk. The next write that succeeds undoes it.
var ErrLate = errors.New("the write may still take effect")

// compactAfter is how many events are kept beside a snapshot at least. With
// more incidents it grows with them, so that a snapshot costs a bounded share
// of the writes.
const compactAfter = 256

// Options of a journal.
type Options struct {
	Timeout    time.Duration // of one write; later it counts as failed
	Pause      time.Duration // after a write that failed, before the next one is tried
	MaxRecords int           // audit records kept until they are acknowledged
}

// Journal writes what happened. Its methods belong to one goroutine, except
// for Outbox. While a write hangs or has failed, Healthy is false and the
// next flush writes a snapshot of everything, so that nothing of the state is
// lost and the order in which late writes reach the disk does not matter.
type Journal struct {
	store  Store // nil: memory only
	opts   Options
	outbox *Outbox
	state  func() State // everything that was added, applied

	head     head
	batch    batch           // since the last flush
	broken   error           // why the next flush must be a snapshot; nil when it need not
	hanging  chan error      // the answer of a write that took too long; nil when none does
	fresh    bool            // there was none when it was opened
	resume   time.Time       // no write is tried before; zero when none has failed
	garbage  map[string]bool // keys that failed writes may have left on the disk
	failures int64
}

// batch is what one write carries.
type batch struct {
	events  []incident.Event
	records []audit.Record
	ledger  *guard.Ledger
	control *Control
}

func (b *batch) add(events []incident.Event, ledger *guard.Ledger, records []audit.Record) {
	b.events = append(b.events, events...)
	b.records = append(b.records, records...)
	if ledger != nil {
		b.ledger = ledger.Clone()
	}
}

func (b *batch) empty() bool {
	return len(b.events)+len(b.records) == 0 && b.ledger == nil && b.control == nil
}

// Fresh reports whether the store held no journal when it was opened. Nobody
// can tell a first start from a journal that was lost.
func (j *Journal) Fresh() bool { return j.fresh }

// Outbox of the journal.
func (j *Journal) Outbox() *Outbox { return j.outbox }

// Healthy reports whether the last write succeeded in time.
func (j *Journal) Healthy() bool { return j.broken == nil && j.hanging == nil }

// Failures counts writes that failed or took too long. Those that were not
// tried, because an earlier one hangs or has just failed, do not count.
func (j *Journal) Failures() int64 { return j.failures }

// Add notes what happened and was applied; the next Flush writes it. A nil
// ledger is an unchanged one.
func (j *Journal) Add(events []incident.Event, ledger *guard.Ledger, records []audit.Record) {
	j.batch.add(events, ledger, records)
}

// SetControl notes the stop switch; the next Flush writes it.
func (j *Journal) SetControl(c Control) { j.batch.control = &c }

// Dirty reports whether Flush has anything to write.
func (j *Journal) Dirty() bool {
	return !j.batch.empty() || j.broken != nil || j.outbox.settles()
}

// Flush writes what was added. When it errs, all of it is still true for the
// caller, and the next flush that succeeds carries it.
func (j *Journal) Flush(ctx context.Context) error { return j.flush(ctx, batch{}) }

// Reserve writes what was added and, in the same batch, an intent with its
// budget and records. When it errs the intent was not made: the caller must
// not apply it, and nothing may be dispatched.
func (j *Journal) Reserve(ctx context.Context, intent incident.Event, ledger *guard.Ledger, records []audit.Record) error {
	var extra batch
	extra.add([]incident.Event{intent}, ledger, records)
	return j.flush(ctx, extra)
}

func (j *Journal) flush(ctx context.Context, extra batch) error {
	kept := j.batch
	j.batch = batch{}
	j.number(kept.records)
	j.number(extra.records)
	if j.store == nil {
		j.outbox.publish(kept.records)
		j.outbox.publish(extra.records)
		return nil
	}
	err := j.carry(ctx, kept, extra)
	// What was added is true whether or not it reached the disk.
	j.outbox.publish(kept.records)
	if err == nil {
		j.outbox.publish(extra.records)
	}
	return err
}

// carry writes both batches, as a snapshot where one is due.
func (j *Journal) carry(ctx context.Context, kept, extra batch) error {
	if err := j.withheld(); err != nil {
		return err
	}
	if j.broken != nil || j.head.Next-j.head.First >= max(compactAfter, uint64(4*chunkSize*j.head.Chunks)) {
		if err := j.snapshot(ctx, kept); err != nil {
			return err
		}
		kept.events, kept.ledger, kept.control = nil, nil, nil
		if extra.empty() {
			return nil
		}
		return j.append(ctx, batch{}, extra)
	}
	return j.append(ctx, kept, extra)
}

// withheld says why no write is tried now. A snapshot of everything costs more
// than any batch, and a disk that hangs or is full is no reason to make one
// at every turn.
func (j *Journal) withheld() error {
	if j.hanging != nil {
		select {
		case <-j.hanging: // whatever came of it, a snapshot follows
			j.hanging = nil
		default:
			return j.fail(errBusy)
		}
	}
	if j.broken != nil && time.Now().Before(j.resume) {
		return j.broken
	}
	return nil
}

// fail notes why the next write must be a snapshot.
func (j *Journal) fail(err error) error {
	j.broken = fmt.Errorf("%w: %w", ErrUnavailable, err)
	return j.broken
}

// number gives records their place in the outbox.
func (j *Journal) number(records []audit.Record) {
	for i := range records {
		records[i].Seq = j.head.AuditNext
		j.head.AuditNext++
	}
}

// append writes two batches as one.
func (j *Journal) append(ctx context.Context, kept, extra batch) error {
	w := writer{}
	for _, b := range []batch{kept, extra} {
		for _, ev := range b.events {
			w.set(keyEvent(j.head.Next), ev)
			j.head.Next++
		}
		w.records(b.records)
		if b.ledger != nil {
			j.head.Budget = true
			w.set(keyBudget, b.ledger)
		}
		if b.control != nil {
			w.set(keyControl, b.control)
		}
	}
	deletes, first, confirm := j.outbox.settled(maxDeletes)
	w.changes = append(w.changes, deletes...)
	j.head.AuditFirst = first
	w.set(keyHead, j.head)
	if err := j.write(ctx, w); err != nil {
		return err
	}
	confirm()
	return nil
}

// maxDeletes bounds how many acknowledged records one write deletes.
const maxDeletes = 1024

// snapshot writes everything anew and lets go of the events before it.
func (j *Journal) snapshot(ctx context.Context, kept batch) error {
	w, state, next := writer{}, j.state(), j.head
	next.First = next.Next
	next.Chunks = 0
	for chunk := range slices.Chunk(state.Incidents, chunkSize) {
		w.set(keySnapshot(next.First, next.Chunks), chunk)
		next.Chunks++
	}
	next.Budget = true
	w.set(keyBudget, state.Ledger)
	w.set(keyControl, state.Control)
	if j.broken != nil {
		w.records(j.outbox.Waiting()) // any of them may have been in a write that failed
	}
	w.records(kept.records)
	deletes, first, confirm := j.outbox.settled(maxDeletes)
	next.AuditFirst = first
	w.set(keyHead, next)
	for seq := j.head.First; seq < j.head.Next; seq++ {
		deletes = append(deletes, Change{Key: keyEvent(seq)})
	}
	for n := range j.head.Chunks {
		deletes = append(deletes, Change{Key: keySnapshot(j.head.First, n)})
	}
	for key := range j.garbage {
		deletes = append(deletes, Change{Key: key})
	}
	set := make(map[string]bool, len(w.changes))
	for _, c := range w.changes {
		set[c.Key] = true
	}
	for _, d := range deletes {
		if !set[d.Key] {
			w.changes = append(w.changes, d)
		}
	}
	if err := j.write(ctx, w); err != nil {
		return err
	}
	j.head, j.broken = next, nil
	clear(j.garbage)
	confirm()
	return nil
}

// write hands the changes to the store and waits no longer than the timeout.
// A store that hangs keeps one goroutine until it returns.
func (j *Journal) write(ctx context.Context, w writer) error {
	err := w.err
	if err == nil {
		err = j.attempt(ctx, w.changes)
	}
	if err == nil {
		return nil
	}
	j.failures++
	j.resume = time.Now().Add(j.opts.Pause)
	for _, c := range w.changes {
		if c.Value != nil && !fixed(c.Key) {
			j.garbage[c.Key] = true
		}
	}
	return j.fail(err)
}

// fixed reports whether a key is there for good.
func fixed(key string) bool { return key == keyHead || key == keyBudget || key == keyControl }

var (
	errSlow = fmt.Errorf("%w: the store did not answer in time", ErrLate)
	errBusy = errors.New("an earlier write has not returned yet")
)

// attempt writes while no other write is under way.
func (j *Journal) attempt(ctx context.Context, changes []Change) error {
	ctx, cancel := context.WithTimeout(ctx, j.opts.Timeout)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- j.store.Write(ctx, changes...) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		j.hanging = answer
		return errSlow
	}
}

// writer collects the changes of one write.
type writer struct {
	changes []Change
	err     error
}

func (w *writer) set(key string, value any) {
	data, err := Encode(key, value)
	if err != nil {
		w.err = errors.Join(w.err, err)
		return
	}
	w.changes = append(w.changes, Change{Key: key, Value: data})
}

func (w *writer) records(records []audit.Record) {
	for _, r := range records {
		stored, err := toStored(r)
		if err != nil {
			w.err = errors.Join(w.err, err)
			continue
		}
		w.set(keyAudit(r.Seq), stored)
	}
}
