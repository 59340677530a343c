// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/binary"
	"errors"
)

// What a Quorum and a Gate remember is as much part of detection as the
// models: an episode that is open at a restart goes on under the same id.

var (
	errQuorumState = errors.New("not the memory of a quorum")
	errGateState   = errors.New("not the memory of a gate")
)

// quorumStateSize: two windows, an instant and the phase.
const quorumStateSize = 4 + 4 + 8 + 1

// AppendBinary appends the state of q in quorumStateSize bytes.
func (q *Quorum) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint32(b, q.breaches)
	b = binary.LittleEndian.AppendUint32(b, q.calms)
	b = binary.LittleEndian.AppendUint64(b, uint64(q.since))
	return append(b, byte(q.phase)), nil
}

// UnmarshalBinary reads back what AppendBinary wrote.
func (q *Quorum) UnmarshalBinary(data []byte) error {
	if len(data) != quorumStateSize || Phase(data[16]) > Alarm {
		return errQuorumState
	}
	*q = Quorum{
		breaches: binary.LittleEndian.Uint32(data),
		calms:    binary.LittleEndian.Uint32(data[4:]),
		since:    int64(binary.LittleEndian.Uint64(data[8:])),
		phase:    Phase(data[16]),
	}
	return nil
}

// gateStateSize: id, two instants, flags and flaps.
const gateStateSize = 8 + 8 + 8 + 1 + 1

const (
	gateFired  = 1 << 0
	gateSilent = 1 << 1
)

// AppendBinary appends the state of g in gateStateSize bytes.
func (g *Gate) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint64(b, uint64(g.id))
	b = binary.LittleEndian.AppendUint64(b, uint64(g.ended))
	b = binary.LittleEndian.AppendUint64(b, uint64(g.calm))
	return append(b, byte(bit(g.fired)*gateFired|bit(g.silent)*gateSilent), g.flaps), nil
}

// UnmarshalBinary reads back what AppendBinary wrote.
func (g *Gate) UnmarshalBinary(data []byte) error {
	if len(data) != gateStateSize || data[24]&^(gateFired|gateSilent) != 0 {
		return errGateState
	}
	read := Gate{
		id:     EpisodeID(binary.LittleEndian.Uint64(data)),
		ended:  int64(binary.LittleEndian.Uint64(data[8:])),
		calm:   int64(binary.LittleEndian.Uint64(data[16:])),
		fired:  data[24]&gateFired != 0,
		silent: data[24]&gateSilent != 0,
		flaps:  data[25],
	}
	if (read.id == 0 && (read.fired || read.silent)) || (read.silent && !read.fired) {
		return errGateState
	}
	*g = read
	return nil
}
