// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
)

// readAtOnce bounds how many records one read asks for.
const readAtOnce = 256

// Open reads a journal. restored is what it remembers; its Control.Damage is
// new when damage is not nil, which then lists what could not be read and was
// set aside. state is asked for everything when a snapshot is due; it must
// reflect whatever was added. A nil store remembers nothing.
//
// err is not nil when the store itself cannot be read: nothing may be written
// to it then.
func Open(ctx context.Context, store Store, opts Options, state func() State) (j *Journal, restored State, damage, err error) {
	j = &Journal{
		store: store, opts: opts, outbox: newOutbox(opts.MaxRecords), state: state,
		head: head{First: 1, Next: 1, AuditFirst: 1, AuditNext: 1}, garbage: map[string]bool{},
	}
	restored.Ledger = &guard.Ledger{}
	if store == nil {
		return j, restored, nil, nil
	}
	r := reader{store: store, ctx: ctx}
	j.fresh = j.readHead(&r)
	if !j.fresh {
		j.readState(&r, &restored)
		j.readRecords(&r)
	}
	if r.err != nil {
		return nil, State{}, nil, fmt.Errorf("read the journal: %w", r.err)
	}
	if len(r.damage) > 0 {
		damage = errors.Join(r.damage...)
		// What could not be read must not be met again: the next flush writes
		// everything anew, beside what is set aside.
		j.broken = fmt.Errorf("%w: %w", ErrUnavailable, damage)
		for _, c := range r.unread {
			if !fixed(c.Key) {
				j.garbage[c.Key] = true
			}
		}
		err = j.setAside(ctx, r.unread)
	}
	return j, restored, damage, err
}

// reader reads records and collects what is damaged.
type reader struct {
	ctx    context.Context // lives as long as Open
	store  Store
	damage []error
	unread []Change
	err    error
}

// get returns the raw values of keys; after an error all are missing.
func (r *reader) get(keys ...string) [][]byte {
	if r.err != nil {
		return make([][]byte, len(keys))
	}
	values, err := r.store.Read(r.ctx, keys...)
	if err != nil {
		r.err = err
		return make([][]byte, len(keys))
	}
	return values
}

// decode reports whether the record could be read. Missing is damage too,
// unless the caller allows it.
func (r *reader) decode(key string, data []byte, value any) bool {
	if data == nil {
		r.damage = append(r.damage, fmt.Errorf("%w: %s is missing", ErrDamaged, key))
		return false
	}
	if err := Decode(key, data, value); err != nil {
		r.damage = append(r.damage, err)
		r.unread = append(r.unread, Change{Key: key, Value: data})
		return false
	}
	return true
}

// readHead reports whether there is no journal yet. A store that has a budget
// and no readable head is a journal that lost its head.
func (j *Journal) readHead(r *reader) (fresh bool) {
	found := r.get(keyHead, keyBudget, keyControl, keyEvent(1))
	if found[0] == nil && found[1] == nil && found[2] == nil && found[3] == nil {
		return true
	}
	var h head
	if !r.decode(keyHead, found[0], &h) || h.First == 0 || h.Next < h.First || h.AuditFirst == 0 || h.AuditNext < h.AuditFirst {
		return false
	}
	j.head = h
	return false
}

func (j *Journal) readState(r *reader, restored *State) {
	found := r.get(keyBudget, keyControl)
	if found[0] != nil || j.head.Budget {
		var ledger guard.Ledger
		if r.decode(keyBudget, found[0], &ledger) {
			restored.Ledger = &ledger
		}
	}
	if found[1] != nil {
		r.decode(keyControl, found[1], &restored.Control)
	}
	incidents := map[string]incident.Incident{}
	for n := range j.head.Chunks {
		key := keySnapshot(j.head.First, n)
		var chunk []incident.Incident
		if r.decode(key, r.get(key)[0], &chunk) {
			for _, in := range chunk {
				incidents[in.ID] = in
			}
		}
	}
	j.each(r, j.head.First, j.head.Next, keyEvent, func(key string, data []byte) {
		var ev incident.Event
		if !r.decode(key, data, &ev) {
			return
		}
		next, err := incidents[ev.Incident].Step(ev, ev.Time)
		if err != nil {
			r.damage = append(r.damage, fmt.Errorf("%w: %s: %w", ErrDamaged, key, err))
			r.unread = append(r.unread, Change{Key: key, Value: data})
			return
		}
		incidents[ev.Incident] = next
	})
	for _, in := range incidents {
		restored.Incidents = append(restored.Incidents, in)
	}
}

func (j *Journal) readRecords(r *reader) {
	var records []audit.Record
	j.each(r, j.head.AuditFirst, j.head.AuditNext, keyAudit, func(key string, data []byte) {
		var stored record
		if data != nil && r.decode(key, data, &stored) { // a write that failed leaves a gap
			records = append(records, stored.fromStored())
		}
	})
	j.outbox.acked, j.outbox.deleted = j.head.AuditFirst-1, j.head.AuditFirst-1
	j.outbox.publish(records)
}

// maxRange bounds a range that a damaged head may claim.
const maxRange = 1 << 22

// each calls f for every key of a range.
func (j *Journal) each(r *reader, first, next uint64, key func(uint64) string, f func(string, []byte)) {
	if next-first > maxRange {
		r.damage = append(r.damage, fmt.Errorf("%w: %s claims %d records", ErrDamaged, keyHead, next-first))
		return
	}
	for from := first; from < next && r.err == nil; from += readAtOnce {
		var keys []string
		for seq := from; seq < min(from+readAtOnce, next); seq++ {
			keys = append(keys, key(seq))
		}
		for i, data := range r.get(keys...) {
			if r.err == nil {
				f(keys[i], data)
			}
		}
	}
}

// setAside keeps what could not be read, for people to look at.
func (j *Journal) setAside(ctx context.Context, unread []Change) error {
	if len(unread) > maxAside {
		unread = unread[:maxAside]
	}
	changes := make([]Change, 0, len(unread))
	for _, c := range unread {
		value := append(append([]byte(c.Key), 0), c.Value...)
		changes = append(changes, Change{Key: keyAside(j.head.Asides), Value: value})
		j.head.Asides++
	}
	if len(changes) == 0 {
		return nil
	}
	return j.attempt(ctx, changes)
}
