// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/homeostat/homeostat/internal/detect"
)

// State is what a rule remembers of one series. Its zero value is calm.
type State struct {
	since   int64 // when the condition began to hold without a pause
	cleared int64 // when the rule began to be clear without a pause; 0: it is not
	phase   detect.Phase
}

// Phase is what the last Step returned.
func (s *State) Phase() detect.Phase { return s.phase }

// Step folds what Judge said of the point at t:
//
//	calm -> breached: the condition holds
//	breached -> alarm: it has held at every point for at least `for`
//	breached -> calm: it no longer holds
//	alarm -> calm: it was clear at every point for at least `keep_firing_for`
//
// gap says that the series was silent before the point: what nobody saw does
// not count towards `for`.
func (r *Rule) Step(s *State, t int64, gap, breached, cleared bool) detect.Phase {
	return s.step(r.For, r.KeepFiringFor, t, gap, breached, cleared)
}

func (s *State) step(wait, keep time.Duration, t int64, gap, breached, cleared bool) detect.Phase {
	if s.phase == detect.Alarm {
		switch {
		case !cleared:
			s.cleared = 0
		case s.cleared == 0:
			s.cleared = t
		}
		if s.cleared != 0 && t-s.cleared >= int64(keep) {
			*s = State{}
		}
		return s.phase
	}
	switch {
	case !breached:
		*s = State{}
		return s.phase
	case s.phase == detect.Calm || gap:
		*s = State{since: t, phase: detect.Breached}
	}
	if t-s.since >= int64(wait) {
		s.phase = detect.Alarm
	}
	return s.phase
}

// StateSize is the number of bytes that AppendBinary appends.
const StateSize = 8 + 8 + 1

var errState = errors.New("not the memory of a rule")

// AppendBinary appends s for a snapshot.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint64(b, uint64(s.since))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.cleared))
	return append(b, byte(s.phase)), nil
}

// UnmarshalBinary reads back what AppendBinary wrote, and refuses anything
// else without changing s.
func (s *State) UnmarshalBinary(data []byte) error {
	if len(data) != StateSize || detect.Phase(data[16]) > detect.Alarm {
		return errState
	}
	*s = State{
		since:   int64(binary.LittleEndian.Uint64(data)),
		cleared: int64(binary.LittleEndian.Uint64(data[8:])),
		phase:   detect.Phase(data[16]),
	}
	return nil
}
