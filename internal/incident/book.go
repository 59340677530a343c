// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// ErrFull says that the book holds as many live incidents as it may.
var ErrFull = errors.New("the book of incidents is full")

// ErrUnknown says that no incident has this id.
var ErrUnknown = errors.New("no such incident")

// Book is all incidents: the live ones, and closed ones until their retention
// ends or their place is needed. Safe for concurrent use; one goroutine
// should write, or Step's answer may be outdated when Apply comes.
type Book struct {
	max int // never changes

	mu      sync.RWMutex // guards everything below
	byID    map[string]Incident
	live    map[string]string // key to the id of its open incident
	version uint64
	changed chan struct{} // closed and replaced at each change
}

// NewBook holds at most limit incidents, closed ones included; limit >= 1.
func NewBook(limit int) *Book {
	return &Book{max: limit, byID: map[string]Incident{}, live: map[string]string{}, changed: make(chan struct{})}
}

// Apply folds an event and returns the incident before and after it. Opening
// an incident when the book is full forgets the oldest closed one, or errs
// with ErrFull when all are live.
func (b *Book) Apply(ev Event, now time.Time) (before, after Incident, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, after, err = b.fold(ev, now)
	if err != nil {
		return before, before, err
	}
	if before.ID == "" && len(b.byID) >= b.max && !b.forgetOldest() {
		return before, before, fmt.Errorf("%w: %d are live", ErrFull, len(b.byID))
	}
	b.put(after)
	return before, after, nil
}

// Try says what Apply would make of an event about a known incident, and
// changes nothing.
func (b *Book) Try(ev Event, now time.Time) (Incident, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, after, err := b.fold(ev, now)
	return after, err
}

// fold is Step on what the book knows; callers hold mu.
func (b *Book) fold(ev Event, now time.Time) (before, after Incident, err error) {
	before, known := b.byID[ev.Incident]
	if !known && ev.Kind != KindOpened {
		return before, before, fmt.Errorf("%w: %s", ErrUnknown, ev.Incident)
	}
	after, err = before.Step(ev, now)
	if err != nil {
		return before, before, err
	}
	if id, taken := b.live[after.Key]; taken && !known {
		return before, before, fmt.Errorf("%w: incident %s about the same fault is still open", ErrOrder, id)
	}
	return before, after, nil
}

// put stores one incident; callers hold mu.
func (b *Book) put(in Incident) {
	b.byID[in.ID] = in
	switch {
	case !in.State.Closed():
		b.live[in.Key] = in.ID
	case b.live[in.Key] == in.ID:
		delete(b.live, in.Key)
	}
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *Book) forgetOldest() bool {
	var oldest Incident
	for _, in := range b.byID {
		if in.State.Closed() && (oldest.ID == "" || in.Closed.Before(oldest.Closed)) {
			oldest = in
		}
	}
	delete(b.byID, oldest.ID)
	return oldest.ID != ""
}

// Restore puts incidents back as a snapshot knew them. Live ones are kept
// even where they are more than the limit.
func (b *Book) Restore(incidents []Incident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, in := range incidents {
		b.put(in)
	}
	for len(b.byID) > b.max && b.forgetOldest() {
	}
}

// Sweep drops closed incidents that were closed before the given time and
// whose cool-down is over at now. It returns how many.
func (b *Book) Sweep(before, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	dropped := 0
	for id, in := range b.byID {
		if in.State.Closed() && in.State != Resolved && in.Closed.Before(before) && !in.Until.After(now) {
			delete(b.byID, id)
			dropped++
		}
	}
	return dropped
}

// Get returns one incident.
func (b *Book) Get(id string) (Incident, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	in, ok := b.byID[id]
	return in, ok
}

// Open returns the open incident with this key.
func (b *Book) Open(key string) (Incident, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	in, ok := b.byID[b.live[key]]
	return in, ok
}

// Find returns an open incident that satisfies the condition.
func (b *Book) Find(match func(Incident) bool) (Incident, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, id := range b.live {
		if in := b.byID[id]; match(in) {
			return in, true
		}
	}
	return Incident{}, false
}

// Siblings counts the open incidents about the target, of all its faults and
// incarnations.
func (b *Book) Siblings(target actuator.Target) int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n := 0
	for _, id := range b.live {
		if in := b.byID[id]; in.Target.Kind == target.Kind && in.Target.Key == target.Key {
			n++
		}
	}
	return n
}

// List returns every incident, newest first.
func (b *Book) List() []Incident {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([]Incident, 0, len(b.byID))
	for _, in := range b.byID {
		out = append(out, in)
	}
	slices.SortFunc(out, func(x, y Incident) int {
		if c := y.Opened.Compare(x.Opened); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out
}

// Watch waits until the book has changed since the given version, and returns
// the version it has now, or the error of ctx. Version 0 is the empty book.
func (b *Book) Watch(ctx context.Context, since uint64) (uint64, error) {
	for {
		b.mu.RLock()
		version, changed := b.version, b.changed
		b.mu.RUnlock()
		if version > since {
			return version, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return version, ctx.Err()
		}
	}
}
