// SPDX-License-Identifier: Apache-2.0

package series

// startPatience is how many points in a row may move a counter's start without
// a drop before the start is no longer believed. Some producers report "now"
// as the start of every point when they cannot read the real one.
const startPatience = 3

// counterRate is the rate per second of a cumulative monotonic counter since
// the reading before. It must be called before r is accepted.
func (m *Memory) counterRate(r *Reading) (float64, Reason) {
	if !m.Seen() {
		return 0, FirstPoint
	}
	if m.restarted(r) {
		return 0, Reset
	}
	seconds := float64(r.Time-m.time) / 1e9
	if m.integer && r.Integer {
		// Subtract as integers: beyond 2^53 neighbouring counts are the same
		// float64. The difference of any two int64 fits a uint64.
		return float64(uint64(r.Int)-m.number) / seconds, Scored
	}
	return (r.Number() - m.float()) / seconds, Scored
}

// restarted reports whether a counter began anew after the reading before: its
// number dropped, or its start lies after that reading. A start that moved but
// not beyond it is a refined estimate and no restart.
func (m *Memory) restarted(r *Reading) bool {
	if m.dropped(r) {
		m.moves = 0
		return true
	}
	if r.Start <= m.time || r.Start > r.Time {
		m.moves = 0
		return false
	}
	if m.moves < startPatience {
		m.moves++
	}
	return m.moves < startPatience
}

func (m *Memory) dropped(r *Reading) bool {
	if m.integer && r.Integer {
		return r.Int < int64(m.number)
	}
	return r.Number() < m.float()
}
