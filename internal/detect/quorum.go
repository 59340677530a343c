// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math/bits"
	"time"
)

// Phase is what one voter (a rule, or the detectors together) says of a
// series at one instant.
type Phase uint8

const (
	Calm     Phase = iota // nothing to report
	Breached              // breached, but not for long enough
	Alarm                 // breached for as long as was asked
)

// MaxWindow is the largest n of a Quorum.
const MaxWindow = 32

// sustained is the run of breaches after which a spike is called a level shift.
const sustained = 10

// QuorumSettings say how many scores it takes to believe an alarm, and how
// many to believe that it is over. 1 <= K <= N <= MaxWindow for both.
type QuorumSettings struct {
	FireK, FireN   int           // raise on FireK of FireN scores at 1.0 or more
	ClearM, ClearN int           // clear on ClearM of ClearN scores below ClearLevel
	ClearLevel     float64       // in (0, 1]
	For            time.Duration // and breached for at least this long
}

// Quorum counts breaches of one series in a sliding window of its scored
// points. Its zero value is calm.
type Quorum struct {
	breaches uint32 // newest score in bit 0; 1: at or above the alarm level
	calms    uint32 // newest score in bit 0; 1: below the clear level; since the phase began
	since    int64  // when the first breach came
	phase    Phase
}

// Fold adds one score of the instant t and returns the phase that results.
// Points that were not scored are not folded.
func (q *Quorum) Fold(set *QuorumSettings, t int64, score float64, gap bool) Phase {
	if gap { // what was counted before the gap says nothing of the time after
		q.breaches, q.calms, q.since = 0, 0, t
	}
	q.breaches = q.breaches<<1 | bit(score >= 1)
	q.calms = q.calms<<1 | bit(score < set.ClearLevel)
	if q.phase == Calm {
		if score < 1 {
			return Calm
		}
		q.phase, q.since, q.calms = Breached, t, 0
	}
	if q.phase == Breached && count(q.breaches, set.FireN) >= set.FireK && t-q.since >= int64(set.For) {
		q.phase, q.calms = Alarm, 0
	}
	if count(q.calms, set.ClearN) >= set.ClearM {
		*q = Quorum{}
	}
	return q.phase
}

// Phase is what the last Fold returned.
func (q *Quorum) Phase() Phase { return q.phase }

// Sustained reports whether the breaches have lasted so long without a pause
// that the series has rather changed its level.
func (q *Quorum) Sustained() bool { return count(q.breaches, sustained) == sustained }

func count(window uint32, n int) int {
	return bits.OnesCount32(window & uint32(1<<n-1))
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
