// SPDX-License-Identifier: Apache-2.0

package series

import "time"

// TableSettings bound a Table.
type TableSettings struct {
	MaxSeries  int           // admission ends here; at least 1
	StaleAfter time.Duration // a series not admitted for longer is evicted by Sweep; at least 1ns
}

// Counts are what a Table has done since it was made.
type Counts struct {
	Tracked int64 // series in the table now
	Refused int64 // admissions that the full table refused
	Evicted int64 // series that Sweep evicted
}

// Admission is the answer to Admit.
type Admission uint8

const (
	Refused Admission = iota // the table is full and this series is not watched
	Known                    // the series was there
	New                      // the series was admitted now; its payload is the zero value
)

// Table holds one payload T for each watched series. It is bounded: when it is
// full, unknown series are refused and counted. It is safe for concurrent use.
//
// Lock rule: the key picks a shard, and the shard's mutex guards the shard's
// index and every payload in it. Admit and Lookup return a Slot with that
// mutex held; Release gives it back. While a slot is held its owner must not
// call the table again (the next key may live in the same shard) and must not
// call out of the component. Callbacks of Sweep and Range run under the same
// mutex and the same rule.
type Table[T any] struct{}

// NewTable makes an empty table. It panics on settings that Validate of a
// component must have refused.
func NewTable[T any](s TableSettings) *Table[T] { return &Table[T]{} }

// Slot is one locked series. Its zero value holds nothing.
type Slot[T any] struct {
	Value *T // valid until Release; payloads never move while they live
}

// Release unlocks the slot.
func (s Slot[T]) Release() {}

// Admit returns the slot of key, locked, and marks it as seen at now. When the
// series is unknown and the table is full it returns Refused and no slot, and nothing is
// locked.
func (t *Table[T]) Admit(key Key, now time.Time) (Slot[T], Admission) { return Slot[T]{}, Refused }

// Lookup returns the slot of key, locked, without admitting or marking it.
func (t *Table[T]) Lookup(key Key) (Slot[T], bool) { return Slot[T]{}, false }

// Sweep looks at the next limit places of the table, in turn over calls, and
// evicts those that were not admitted since now - StaleAfter. evicted may be
// nil; it sees the payload for the last time, under the shard's mutex. Sweep
// returns how many series it evicted.
func (t *Table[T]) Sweep(now time.Time, limit int, evicted func(Key, *T)) int { return 0 }

// Range visits every series that is in the table during the whole call exactly
// once, until visit returns false. It locks one small run of slots at a time, so
// that the hot path waits at most for one run.
func (t *Table[T]) Range(visit func(key Key, seen time.Time, value *T) bool) {}

// Counts returns what the table holds and has done.
func (t *Table[T]) Counts() Counts { return Counts{} }
