// SPDX-License-Identifier: Apache-2.0

package series

import (
	"sync"
	"time"
)

// chunkSize is how many places are allocated, swept and ranged over at once:
// few enough that a lock is held for microseconds, and that 64 half-empty
// shards waste little.
const chunkSize = 32

// place is where one series lives.
type place[T any] struct {
	key   Key   // zero while the place is free
	seen  int64 // Unix nanoseconds of the latest admission
	value T
}

// shard is the part of a table that one mutex guards.
type shard[T any] struct {
	mu     sync.Mutex             // guards everything below
	index  index                  // from tag to number of the place
	chunks []*[chunkSize]place[T] // places never move, so that pointers into them stay valid
	free   []uint32               // numbers of places to be used again
	used   uint32                 // places handed out so far, free ones included
	_      [12]byte               // a shard fills whole cache lines, so that no two mutexes share one
}

func (s *shard[T]) at(number uint32) *place[T] {
	return &s.chunks[number/chunkSize][number%chunkSize]
}

// find returns the place of key, nil if there is none.
func (s *shard[T]) find(tag uint32, key Key) *place[T] {
	for i := s.index.first(tag); ; i = s.index.next(i) {
		number, outcome := s.index.probe(i, tag)
		switch outcome {
		case probeEmpty:
			return nil
		case probeMatch:
			if p := s.at(number); p.key == key {
				return p
			}
		}
	}
}

// insert gives key, which must not be present, a zeroed place.
func (s *shard[T]) insert(tag uint32, key Key, seen int64) *place[T] {
	var number uint32
	if last := len(s.free) - 1; last >= 0 {
		number, s.free = s.free[last], s.free[:last]
	} else {
		number = s.used
		s.used++
		if number%chunkSize == 0 {
			s.chunks = append(s.chunks, new([chunkSize]place[T]))
		}
	}
	s.index.insert(tag, number)
	p := s.at(number)
	p.key, p.seen = key, seen
	return p
}

// remove zeroes the place and makes it free.
func (s *shard[T]) remove(tag, number uint32) {
	s.index.remove(tag, number)
	*s.at(number) = place[T]{}
	s.free = append(s.free, number)
}

// sweepChunk removes the series of one chunk that were last seen before a
// time, and reports whether the shard has chunks after it.
func (t *Table[T]) sweepChunk(at cursor, before int64, evicted func(Key, *T)) (looked, gone int, more bool) {
	s := &t.shards[at.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.chunk >= len(s.chunks) {
		return 0, 0, false
	}
	for i := range s.chunks[at.chunk] {
		p := &s.chunks[at.chunk][i]
		if p.key.IsZero() || p.seen >= before {
			continue
		}
		if evicted != nil {
			evicted(p.key, &p.value)
		}
		_, tag := t.locate(p.key)
		s.remove(tag, uint32(at.chunk*chunkSize+i))
		gone++
	}
	return chunkSize, gone, at.chunk+1 < len(s.chunks)
}

// visitChunk shows one chunk to visit and reports whether to stop, and whether
// the shard has chunks after it.
func (s *shard[T]) visitChunk(chunk int, visit func(Key, time.Time, *T) bool) (stop, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk >= len(s.chunks) {
		return false, false
	}
	for i := range s.chunks[chunk] {
		p := &s.chunks[chunk][i]
		if !p.key.IsZero() && !visit(p.key, time.Unix(0, p.seen), &p.value) {
			return true, false
		}
	}
	return false, chunk+1 < len(s.chunks)
}
