// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"time"
)

// A gap is more than GapIntervals learned intervals, and more than MinGap: one
// restarted collector is not a gap.
const (
	GapIntervals = 10
	MinGap       = time.Minute
)

// kindPatience is how many readings of one other kind in a row it takes until
// the series is believed to have changed for good. Two producers that
// disagree take turns and never get there.
const kindPatience = 10

// Memory turns the readings of one series into samples. It is a pure state
// machine without pointers, to be stored inside the slot of its series. Its
// zero value has seen nothing. It is not safe for concurrent use.
type Memory struct {
	time     int64  // of the newest accepted reading; 0 before the first
	number   uint64 // its number: the bits of an int64 or of a float64
	kind     uint32
	strange  uint32 // the other kind that was offered lately
	offered  uint8  // how often in a row
	moves    uint8  // how often in a row a counter's start moved without a drop
	integer  bool   // number is an int64
	fresh    bool   // the next sample is the first of what the series has become
	interval interval
}

// Seen reports whether the memory has accepted a reading.
func (m *Memory) Seen() bool { return m.time != 0 }

// LastTime is the timestamp of the newest accepted reading in Unix
// nanoseconds, 0 before the first.
func (m *Memory) LastTime() int64 { return m.time }

// Interval is the learned interval, 0 until two readings were accepted.
func (m *Memory) Interval() time.Duration { return m.interval.value() }

// Observe folds one reading. Where the reason is not Scored there is nothing
// to score, the sample is empty, and the reading is to be counted by that
// reason. Of such readings only those of FirstPoint and Reset, and a rate that
// overflowed, change what the next one is compared with.
func (m *Memory) Observe(r *Reading) (Sample, Reason) {
	if why := r.Check(); why != Scored {
		return Sample{}, why
	}
	if why := m.checkKind(r.Kind); why != Scored {
		return Sample{}, why
	}
	if why := m.checkTime(r); why != Scored {
		return Sample{}, why
	}
	value, why := m.value(r)
	sample := m.accept(r)
	if why == Scored {
		why = checkFinite(value)
	}
	if why != Scored {
		return Sample{}, why
	}
	sample.Value = value
	sample.Fresh, m.fresh = m.fresh, false
	return sample, Scored
}

// checkKind refuses a reading whose type or unit is not the series' own, until
// the other kind has come kindPatience times in a row; then the memory starts
// anew with it.
func (m *Memory) checkKind(kind uint32) Reason {
	switch {
	case !m.Seen() || kind == m.kind:
		m.offered = 0
		return Scored
	case kind != m.strange:
		m.strange, m.offered = kind, 1
		return TypeChanged
	}
	if m.offered++; m.offered < kindPatience {
		return TypeChanged
	}
	*m = Memory{fresh: true}
	return Scored
}

// checkTime refuses a reading whose time does not advance.
func (m *Memory) checkTime(r *Reading) Reason {
	switch {
	case !m.Seen() || r.Time > m.time:
		return Scored
	case r.Received > 0 && m.time-r.Received > int64(MaxAhead):
		// The memory itself is from the future: a clock was set back. Waiting
		// for time to catch up could take hours, so start again.
		*m = Memory{fresh: m.fresh, interval: m.interval}
		return Scored
	case r.Time < m.time:
		return OutOfOrder
	case m.holds(r):
		return Duplicate
	}
	return Conflict
}

// holds reports whether the memory's number is that of r.
func (m *Memory) holds(r *Reading) bool {
	if m.integer && r.Integer {
		return int64(m.number) == r.Int
	}
	return m.float() == r.Number()
}

// float is the memory's number.
func (m *Memory) float() float64 {
	if m.integer {
		return float64(int64(m.number))
	}
	return math.Float64frombits(m.number)
}

// value makes the number comparable, according to its shape.
func (m *Memory) value(r *Reading) (float64, Reason) {
	switch r.Shape {
	case CumulativeCounter:
		return m.counterRate(r)
	case Delta:
		return m.deltaRate(r)
	case Value:
	}
	return r.Number(), Scored
}

// accept makes r what the next reading is compared with, and learns the
// interval.
func (m *Memory) accept(r *Reading) Sample {
	sample := Sample{Time: r.Time}
	if m.Seen() {
		distance := r.Time - m.time
		known := m.interval.value()
		sample.Elapsed = time.Duration(distance)
		sample.Gap = known > 0 && sample.Elapsed > max(GapIntervals*known, MinGap)
		m.interval.learn(distance)
	}
	sample.Interval = m.interval.value()
	m.time, m.kind, m.integer = r.Time, r.Kind, r.Integer
	if m.integer {
		m.number = uint64(r.Int)
	} else {
		m.number = math.Float64bits(r.Float)
	}
	return sample
}
