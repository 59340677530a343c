// SPDX-License-Identifier: Apache-2.0

package series

// Memory turns the readings of one series into samples. It is a pure state
// machine without pointers, to be stored inside the slot of its series. Its
// zero value has seen nothing. It is not safe for concurrent use.
type Memory struct{ x int }

// Observe folds one reading. Where the reason is not Scored there is nothing
// to score: the sample then holds nothing but the time, and the reading is to be counted by
// that reason. Readings that Check refuses leave the memory as it was.
func (m *Memory) Observe(r *Reading) (Sample, Reason) { return Sample{}, Scored }

// Seen reports whether the memory has accepted a reading.
func (m *Memory) Seen() bool { return false }

// LastTime is the timestamp of the newest accepted reading in Unix
// nanoseconds, 0 before the first.
func (m *Memory) LastTime() int64 { return 0 }

// AppendBinary appends the memory in a versioned, fixed-size form for
// snapshots.
func (m *Memory) AppendBinary(dst []byte) ([]byte, error) { return dst, nil }

// MemorySize is the number of bytes that AppendBinary appends.
const MemorySize = 96

// UnmarshalBinary restores what AppendBinary wrote. The error says what is
// wrong; the memory is then unchanged.
func (m *Memory) UnmarshalBinary(src []byte) error { return nil }
