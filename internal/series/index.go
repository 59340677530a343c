// SPDX-License-Identifier: Apache-2.0

package series

// index finds places by a 32-bit tag: open addressing with linear probing and
// deletion by shifting back, so that there are no tombstones. An entry is 8
// bytes and holds tag and place number, so a lookup touches one cache line
// here and one in the place itself, and growing touches no place.
type index struct {
	entries []uint64 // tag<<32 | number+1; 0 is empty; the length is a power of two
	count   int
}

// smallestIndex is the length of an index with its first entry.
const smallestIndex = 16

// Outcomes of looking at one entry.
const (
	probeEmpty = iota // the tag is not further on
	probeMatch        // the tag is equal; compare the keys
	probeOther        // go on
)

func (x *index) mask() int            { return len(x.entries) - 1 }
func (x *index) first(tag uint32) int { return int(tag) & x.mask() }
func (x *index) next(i int) int       { return (i + 1) & x.mask() }

// probe looks at entry i of a chain for tag.
func (x *index) probe(i int, tag uint32) (number uint32, outcome int) {
	if len(x.entries) == 0 {
		return 0, probeEmpty
	}
	e := x.entries[i]
	switch {
	case e == 0:
		return 0, probeEmpty
	case uint32(e>>32) == tag:
		return uint32(e) - 1, probeMatch
	}
	return 0, probeOther
}

// insert adds a place under a tag.
func (x *index) insert(tag, number uint32) {
	// Three quarters full: chains stay short, entries stay cheap.
	if 4*(x.count+1) > 3*len(x.entries) {
		x.grow()
	}
	x.put(uint64(tag)<<32 | uint64(number+1))
	x.count++
}

func (x *index) put(entry uint64) {
	i := x.first(uint32(entry >> 32))
	for x.entries[i] != 0 {
		i = x.next(i)
	}
	x.entries[i] = entry
}

func (x *index) grow() {
	old := x.entries
	x.entries = make([]uint64, max(smallestIndex, 2*len(old)))
	for _, e := range old {
		if e != 0 {
			x.put(e)
		}
	}
}

// remove takes away the entry of a place, which must be present.
func (x *index) remove(tag, number uint32) {
	entry := uint64(tag)<<32 | uint64(number+1)
	hole := x.first(tag)
	for x.entries[hole] != entry {
		hole = x.next(hole)
	}
	// Move back every later entry of the run that may live in the hole, i.e.
	// whose home is not between the hole and itself.
	for i := x.next(hole); x.entries[i] != 0; i = x.next(i) {
		home := x.first(uint32(x.entries[i] >> 32))
		if (i-home)&x.mask() >= (i-hole)&x.mask() {
			x.entries[hole] = x.entries[i]
			hole = i
		}
	}
	x.entries[hole] = 0
	x.count--
}
