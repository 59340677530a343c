// SPDX-License-Identifier: Apache-2.0

package series

import "time"

// Bounds of a learned interval.
const (
	MinInterval = time.Second
	MaxInterval = time.Hour
)

// distances is how many of the latest distances an interval is learned from.
const distances = 9

// interval learns the distance between the points of a series: the median of
// the last nine, so that up to four gaps or bursts among them do no harm.
// Distances are kept in milliseconds.
type interval struct {
	ring   [distances]uint32
	median uint32
	at     uint8 // where the next distance goes
	n      uint8 // how many are known
}

// learn folds one distance in nanoseconds; it must be positive.
func (v *interval) learn(distance int64) {
	ms := uint32(min(distance/int64(time.Millisecond), int64(MaxInterval/time.Millisecond)))
	old := v.ring[v.at]
	v.ring[v.at] = ms
	v.at = (v.at + 1) % distances
	if v.n < distances {
		v.n++
	} else if (old < v.median && ms < v.median) || (old > v.median && ms > v.median) || old == ms {
		return // the middle stays where it is
	}
	v.median = medianOf(v.ring, int(v.n))
}

// value is the learned interval, 0 while no distance is known.
func (v *interval) value() time.Duration {
	if v.n == 0 {
		return 0
	}
	return min(max(time.Duration(v.median)*time.Millisecond, MinInterval), MaxInterval)
}

// medianOf sorts a copy of the first n by insertion; of an even number the
// lower middle is taken.
func medianOf(ring [distances]uint32, n int) uint32 {
	for i := 1; i < n; i++ {
		x, j := ring[i], i
		for ; j > 0 && ring[j-1] > x; j-- {
			ring[j] = ring[j-1]
		}
		ring[j] = x
	}
	return ring[(n-1)/2]
}
