// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"slices"
)

// Buckets are one side of an exponential histogram: Counts[i] belongs to
// bucket number Offset+i. Bucket numbers are int64 here, because the sum of an
// offset and a length need not fit an int32.
type Buckets struct {
	Offset int32
	Counts []uint64
}

func (b *Buckets) copyFrom(src *Buckets) {
	b.Offset = src.Offset
	b.Counts = append(b.Counts[:0], src.Counts...)
}

// at is the count of a bucket number, 0 outside.
func (b *Buckets) at(number int64) uint64 {
	if i := number - int64(b.Offset); i >= 0 && i < int64(len(b.Counts)) {
		return b.Counts[i]
	}
	return 0
}

// downscale merges 2^by neighbours into one bucket, in place.
func (b *Buckets) downscale(by int32) {
	if len(b.Counts) == 0 {
		b.Offset >>= by
		return
	}
	first := int64(b.Offset) >> by
	last := 0
	for i, n := range b.Counts {
		// The target is never ahead of i, so nothing unread is overwritten.
		target := int((int64(b.Offset)+int64(i))>>by - first)
		if target > last || i == 0 {
			b.Counts[target] = n
		} else {
			b.Counts[target] += n
		}
		last = target
	}
	b.Offset, b.Counts = int32(first), b.Counts[:last+1]
}

// covers reports whether no bucket of earlier holds more than b's.
func (b *Buckets) covers(earlier *Buckets) bool {
	for i, n := range earlier.Counts {
		if n > b.at(int64(earlier.Offset)+int64(i)) {
			return false
		}
	}
	return true
}

// advance turns b into the difference to earlier, which b covers, and earlier
// into what b was.
func (b *Buckets) advance(earlier *Buckets) {
	earlier.move(b.Offset, len(b.Counts))
	for i, n := range b.Counts {
		b.Counts[i] = n - earlier.Counts[i]
		earlier.Counts[i] = n
	}
}

// move makes b span length buckets from offset on, in its own memory. What
// lies outside is dropped.
func (b *Buckets) move(offset int32, length int) {
	if b.Offset == offset && len(b.Counts) == length {
		return
	}
	first := max(int64(b.Offset), int64(offset))
	end := min(int64(b.Offset)+int64(len(b.Counts)), int64(offset)+int64(length))
	kept := max(int(end-first), 0)
	from, to := 0, 0
	if kept > 0 {
		from, to = int(first-int64(b.Offset)), int(first-int64(offset))
	}
	b.Counts = slices.Grow(b.Counts, max(length-len(b.Counts), 0))
	all := b.Counts[:max(len(b.Counts), length)]
	copy(all[to:to+kept], all[from:from+kept])
	clear(all[:to])
	clear(all[to+kept:])
	b.Offset, b.Counts = offset, all[:length]
}

// lowerBound is where bucket number starts at a scale: 2^(number * 2^-scale).
func lowerBound(number float64, scale int32) float64 {
	return math.Exp2(math.Ldexp(number, -int(scale)))
}

// raise returns threshold, or the upper bound of the populated bucket that
// threshold would split.
func (b *Buckets) raise(threshold float64, scale int32) float64 {
	for i, n := range b.Counts {
		number := float64(int64(b.Offset) + int64(i))
		lower, upper := lowerBound(number, scale), lowerBound(number+1, scale)
		if lower >= threshold {
			break
		}
		if n > 0 && upper > threshold {
			return upper
		}
	}
	return threshold
}

// takeBelow empties the buckets that end at or below threshold and returns
// what they held.
func (b *Buckets) takeBelow(threshold float64, scale int32) uint64 {
	var taken uint64
	for i, n := range b.Counts {
		if lowerBound(float64(int64(b.Offset)+int64(i))+1, scale) > threshold {
			break
		}
		taken += n
		b.Counts[i] = 0
	}
	return taken
}

// valueFromStart is the absolute value below which rank observations of this
// side lie; there must be at least one observation.
func (b *Buckets) valueFromStart(rank float64, scale int32) float64 {
	last, share := 0, 0.0
	for i, n := range b.Counts {
		if n == 0 {
			continue
		}
		last, share = i, min(max(rank/float64(n), 0), 1)
		if rank -= float64(n); rank <= 0 {
			break
		}
	}
	return lowerBound(float64(int64(b.Offset)+int64(last))+share, scale)
}

// valueFromEnd is the absolute value above which rank observations of this
// side lie; there must be at least one observation.
func (b *Buckets) valueFromEnd(rank float64, scale int32) float64 {
	last, share := 0, 0.0
	for i, n := range slices.Backward(b.Counts) {
		if n == 0 {
			continue
		}
		last, share = i, min(max(rank/float64(n), 0), 1)
		if rank -= float64(n); rank <= 0 {
			break
		}
	}
	return lowerBound(float64(int64(b.Offset)+int64(last))+1-share, scale)
}
