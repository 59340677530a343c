// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MemorySize is the number of bytes of a Memory in a snapshot.
const MemorySize = 1 + 8 + 8 + 4 + 4 + 3 + distances*4 + 2

// memoryVersion is the first byte of a Memory in a snapshot.
const memoryVersion = 1

// Flags of a Memory in a snapshot.
const (
	flagInteger = 1 << iota
	flagFresh
)

var errMemory = errors.New("not a series memory")

// AppendBinary appends the memory in a versioned, fixed-size, little-endian
// form. It never fails; the error is for encoding.BinaryAppender.
func (m *Memory) AppendBinary(dst []byte) ([]byte, error) {
	var flags byte
	if m.integer {
		flags |= flagInteger
	}
	if m.fresh {
		flags |= flagFresh
	}
	dst = append(dst, memoryVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.time))
	dst = binary.LittleEndian.AppendUint64(dst, m.number)
	dst = binary.LittleEndian.AppendUint32(dst, m.kind)
	dst = binary.LittleEndian.AppendUint32(dst, m.strange)
	dst = append(dst, m.offered, m.moves, flags)
	for _, ms := range m.interval.ring {
		dst = binary.LittleEndian.AppendUint32(dst, ms)
	}
	return append(dst, m.interval.at, m.interval.n), nil
}

// UnmarshalBinary restores what AppendBinary wrote. The error says what is
// wrong; the memory is then unchanged.
func (m *Memory) UnmarshalBinary(src []byte) error {
	if len(src) != MemorySize {
		return fmt.Errorf("%w: %d bytes instead of %d", errMemory, len(src), MemorySize)
	}
	if src[0] != memoryVersion {
		return fmt.Errorf("%w: version %d instead of %d", errMemory, src[0], memoryVersion)
	}
	src = src[1:]
	r := Memory{
		time:    int64(binary.LittleEndian.Uint64(src)),
		number:  binary.LittleEndian.Uint64(src[8:]),
		kind:    binary.LittleEndian.Uint32(src[16:]),
		strange: binary.LittleEndian.Uint32(src[20:]),
		offered: src[24],
		moves:   src[25],
		integer: src[26]&flagInteger != 0,
		fresh:   src[26]&flagFresh != 0,
	}
	flags, src := src[26], src[27:]
	for i := range r.interval.ring {
		r.interval.ring[i] = binary.LittleEndian.Uint32(src[4*i:])
	}
	r.interval.at, r.interval.n = src[4*distances], src[4*distances+1]
	switch {
	case flags&^(flagInteger|flagFresh) != 0:
		return fmt.Errorf("%w: unknown flags %#x", errMemory, flags)
	case r.time < 0:
		return fmt.Errorf("%w: time %d is negative", errMemory, r.time)
	case r.interval.n > distances || r.interval.at >= distances:
		return fmt.Errorf("%w: distance %d of %d", errMemory, r.interval.at, r.interval.n)
	case r.offered >= kindPatience || r.moves > startPatience:
		return fmt.Errorf("%w: patience %d, %d", errMemory, r.offered, r.moves)
	}
	if r.interval.n > 0 {
		r.interval.median = medianOf(r.interval.ring, int(r.interval.n))
	}
	*m = r
	return nil
}
