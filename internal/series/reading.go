// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"time"
)

// MaxAhead is how far a point may lie ahead of its receipt. Clocks of a fleet
// disagree by seconds; a minute is a fault of its own.
const MaxAhead = time.Minute

// Shape says how the number of a reading is to be understood.
type Shape uint8

const (
	Value             Shape = iota // the number itself: gauges, non-monotonic cumulative sums, derived fields
	CumulativeCounter              // grows from Start on, until it is reset
	Delta                          // what was added between Start and Time
)

// Reading is one number as it was reported, before it is comparable.
// Times are Unix nanoseconds; Start is 0 where the producer did not say.
type Reading struct {
	Shape    Shape
	Integer  bool    // the number is in Int, exact beyond 2^53
	NoValue  bool    // the no-recorded-value flag is set
	Int      int64   // where Integer
	Float    float64 // where not Integer
	Start    int64
	Time     int64
	Received int64
	Kind     uint32 // a hash of metric type, temporality, monotonicity and unit; never 0
}

// Number is the reading's number as float64.
func (r *Reading) Number() float64 {
	if r.Integer {
		return float64(r.Int)
	}
	return r.Float
}

// Check gives the reason why r cannot be scored whatever came before it, or
// Scored where it may.
func (r *Reading) Check() Reason {
	switch {
	case r.NoValue:
		return NoRecorded
	case r.Time <= 0:
		return NoTimestamp
	case r.Received > 0 && r.Time-r.Received > int64(MaxAhead):
		return FromFuture
	case r.Integer:
		return Scored
	}
	return checkFinite(r.Float)
}

func checkFinite(v float64) Reason {
	switch {
	case math.IsNaN(v):
		return NotANumber
	case math.IsInf(v, 0):
		return Infinite
	}
	return Scored
}

// Sample is a number that can be scored and compared with others of its series.
type Sample struct {
	Value    float64       // the value, or a rate per second
	Time     int64         // timestamp of the point, Unix nanoseconds
	Elapsed  time.Duration // since the previous accepted reading; 0 for the first
	Interval time.Duration // learned, from MinInterval to MaxInterval; 0 until two readings were accepted
	Gap      bool          // more than GapIntervals learned intervals and MinGap have passed: short memories must restart
	Fresh    bool          // the series has become another one (type or unit): every memory must restart
}
