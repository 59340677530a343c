// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding"
	"math"
	"time"

	"github.com/homeostat/homeostat/internal/finding"
)

// Point is one scored number of one series.
type Point struct {
	Time     int64         // Unix nanoseconds, later than the point before
	Value    float64       // finite: a level, or a rate per second
	Interval time.Duration // usual distance between points; 0 while it is not known
	Gap      bool          // the series was silent for more than 10 usual distances before this point
}

// Score is what a Model says of one Point.
type Score struct {
	Value     float64           // 0 is ordinary, 1.0 is the alarm level, whatever the detector
	Z         float64           // deviations from Expected; NaN where the detector has no such thing
	Expected  float64           // what the model expected before it saw the point
	Direction finding.Direction // the side on which the point lies; "" when it lies exactly on Expected
	Ready     bool              // false: the model is still learning, and Value is no verdict
}

// P is the two-sided Gaussian tail beyond Z, 2(1 - Phi(|Z|)). It is what it
// says: a Gaussian p, whatever the distribution of the series really is.
func (s Score) P() float64 { return math.Erfc(math.Abs(s.Z) / math.Sqrt2) }

// Model remembers one series. It is owned by the slot of that series and is
// not safe for concurrent use. Observe is on the hot path: it must not
// allocate.
//
// A Model's memory survives a restart as bytes: what AppendBinary wrote,
// UnmarshalBinary of a fresh Model of the same Detector reads back, and it
// refuses anything else with an error and without changing the Model.
type Model interface {
	// Observe scores p against what was learned before, and learns p after.
	Observe(p Point) Score

	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// Detector makes Models. It is safe for concurrent use.
type Detector interface {
	// Name is what users call the detector, and what findings list as a voter.
	Name() string

	// New makes the Model of one series that was not seen before.
	New() Model
}

// Side says which deviations matter.
type Side string

const (
	Both  Side = "both"
	Above Side = "up"
	Below Side = "down"
)

// matters reports whether a deviation to d is of interest.
func (s Side) matters(d finding.Direction) bool {
	switch s {
	case Above:
		return d == finding.Up
	case Below:
		return d == finding.Down
	default:
		return true
	}
}
