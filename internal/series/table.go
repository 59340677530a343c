// SPDX-License-Identifier: Apache-2.0

package series

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

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

const (
	shardBits = 6 // 64 shards: two busy cores rarely meet, and an idle table stays small
	shards    = 1 << shardBits
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
type Table[T any] struct {
	settings TableSettings
	seed     [2]uint64 // never changes; keys are chosen by strangers, places in the index are not
	shards   [shards]shard[T]

	tracked atomic.Int64 // never exceeds MaxSeries: raised before a series is placed, lowered after it is gone
	refused atomic.Int64
	evicted atomic.Int64

	sweeping sync.Mutex // serialises Sweep; taken before a shard's mutex; guards everything below
	cursor   cursor
}

// cursor is a place in the table: the next one that Sweep looks at.
type cursor struct{ shard, chunk int }

// NewTable makes an empty table. It panics on settings that Validate of a
// component must have refused.
func NewTable[T any](s TableSettings) *Table[T] {
	if s.MaxSeries < 1 || s.StaleAfter < 1 {
		panic(fmt.Sprintf("BUG: a table needs MaxSeries and StaleAfter of at least 1 (got %+v)", s))
	}
	return &Table[T]{settings: s, seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
}

// Slot is one locked series. Its zero value holds nothing.
type Slot[T any] struct {
	Value *T // valid until Release; payloads never move while they live
	mu    *sync.Mutex
}

// Release unlocks the slot. It must be called once for each slot that Admit or
// Lookup returned.
func (s Slot[T]) Release() {
	if s.mu != nil {
		s.mu.Unlock()
	}
}

// Admit returns the slot of key, locked, and marks it as seen at now. When the
// series is unknown and the table is full it returns Refused and no slot, and
// nothing is locked. The zero key is always refused.
func (t *Table[T]) Admit(key Key, now time.Time) (Slot[T], Admission) {
	seen := now.UnixNano()
	sh, tag := t.locate(key)
	sh.mu.Lock()
	if p := sh.find(tag, key); p != nil {
		p.seen = max(p.seen, seen)
		return Slot[T]{Value: &p.value, mu: &sh.mu}, Known
	}
	if key.IsZero() || !t.reserve() {
		sh.mu.Unlock()
		t.refused.Add(1)
		return Slot[T]{}, Refused
	}
	p := sh.insert(tag, key, seen)
	return Slot[T]{Value: &p.value, mu: &sh.mu}, New
}

// Lookup returns the slot of key, locked, without admitting or marking it.
// False means that the series is not watched and nothing is locked.
func (t *Table[T]) Lookup(key Key) (Slot[T], bool) {
	sh, tag := t.locate(key)
	sh.mu.Lock()
	if p := sh.find(tag, key); p != nil {
		return Slot[T]{Value: &p.value, mu: &sh.mu}, true
	}
	sh.mu.Unlock()
	return Slot[T]{}, false
}

// Sweep looks at about the next limit places of the table, in turn over calls,
// and evicts those that were not admitted since now - StaleAfter. evicted may
// be nil; it sees the payload for the last time, under the shard's mutex.
// Sweep returns how many series it evicted. A call never looks at a place
// twice, however large limit is.
func (t *Table[T]) Sweep(now time.Time, limit int, evicted func(Key, *T)) int {
	t.sweeping.Lock()
	defer t.sweeping.Unlock()
	before := now.Add(-t.settings.StaleAfter).UnixNano()
	gone := 0
	for first, looked := t.cursor, 0; looked < limit; {
		n, evictions, more := t.sweepChunk(t.cursor, before, evicted)
		looked, gone = looked+n, gone+evictions
		t.tracked.Add(-int64(evictions))
		t.evicted.Add(int64(evictions))
		if t.cursor.chunk++; !more {
			t.cursor = cursor{shard: (t.cursor.shard + 1) % shards}
		}
		if t.cursor == first {
			break
		}
	}
	return gone
}

// Range visits every series that is in the table during the whole call exactly
// once, until visit returns false. It locks one small run of slots at a time,
// so that the hot path waits at most for one run.
func (t *Table[T]) Range(visit func(key Key, seen time.Time, value *T) bool) {
	for i := range t.shards {
		for chunk, more := 0, true; more; chunk++ {
			var stop bool
			if stop, more = t.shards[i].visitChunk(chunk, visit); stop {
				return
			}
		}
	}
}

// Counts returns what the table holds and has done.
func (t *Table[T]) Counts() Counts {
	return Counts{Tracked: t.tracked.Load(), Refused: t.refused.Load(), Evicted: t.evicted.Load()}
}

// reserve takes one of MaxSeries places, if there is one.
func (t *Table[T]) reserve() bool {
	for {
		n := t.tracked.Load()
		if n >= int64(t.settings.MaxSeries) {
			return false
		}
		if t.tracked.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// locate mixes the key with the table's seed into a shard and an index tag.
// The mixing is one folded multiplication, as in wyhash.
func (t *Table[T]) locate(key Key) (*shard[T], uint32) {
	hi, lo := bits.Mul64(key.Lo^t.seed[0], key.Hi^t.seed[1])
	h := hi ^ lo
	return &t.shards[h>>(64-shardBits)], uint32(h)
}
