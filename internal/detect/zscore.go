// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/homeostat/homeostat/internal/finding"
)

const (
	// zMinPoints is how many points a mean and a variance need before they are
	// worth comparing with, and before a point can be told to be an outlier.
	zMinPoints = 30

	// zClamp is the number of deviations beyond which a point stops moving the
	// baseline further. With it a shift of 20 deviations is believed after
	// about a sixth of the memory: the variance grows by (1 + 15/N) a point, so
	// it takes N*ln(25)/15 points until the new level is within reach.
	zClamp = 4

	// zDefaultMemory holds while the interval of a series is not known.
	zDefaultMemory = 5000

	// zAfterGap is how many points after a gap are learned and not scored.
	zAfterGap = 2

	// zHuge bounds a value so that its square is still finite.
	zHuge = 1e150
)

// ZScoreSettings tune the zscore detector.
type ZScoreSettings struct {
	Threshold float64       // deviations at the alarm level, > 0
	Memory    time.Duration // how much of the past the baseline weighs
	WarmUp    time.Duration // age of a series before it is scored
	Side      Side          // which deviations matter
	MinAbs    float64       // least interesting change, in the unit of the series
	MinRel    float64       // least interesting change, as a share of the mean
}

// ZScore is the familiar z-score against a winsorised exponential mean and
// variance: z = (x-M)/(sqrt(V)+floor). The tested point is in neither M nor V.
// The floor is 0.3 % of the range seen so far, plus a third of the least
// interesting change. The range of a score includes the point itself, which
// bounds |z| at 333 even on a series that was constant until now.
func ZScore(set ZScoreSettings) Detector { return &zScore{set: set} }

type zScore struct{ set ZScoreSettings }

func (*zScore) Name() string { return "zscore" }

func (d *zScore) New() Model { return &zModel{set: &d.set} }

// zModel is the state of one series.
type zModel struct {
	set      *ZScoreSettings
	mean     float64
	variance float64
	lo, hi   float64 // range of the points, glitches cut
	first    int64   // when the series began, Unix nanoseconds
	n        uint32  // points learned, saturating
	mute     uint8   // points still to be learned in silence after a gap
}

// Observe implements Model.
func (m *zModel) Observe(p Point) Score {
	x := min(max(p.Value, -zHuge), zHuge)
	if x != x { // a NaN would poison the baseline for good
		return Score{Z: math.NaN(), Expected: m.mean}
	}
	if m.n == 0 {
		m.mean, m.lo, m.hi, m.first, m.n = x, x, x, p.Time, 1
		return Score{Z: math.NaN(), Expected: x}
	}
	if p.Gap {
		m.mute = zAfterGap
	}
	score := m.score(x)
	score.Ready = m.n > zMinPoints && m.mute == 0 && p.Time-m.first >= int64(m.set.WarmUp)
	m.learn(x, p.Interval)
	return score
}

// least is the least interesting change around the mean.
func (m *zModel) least() float64 { return max(m.set.MinAbs, m.set.MinRel*math.Abs(m.mean)) }

// sigma is the scale of the series at x, with a range from lo to hi.
func (m *zModel) sigma(x, lo, hi float64) float64 {
	return math.Sqrt(m.variance) + 0.003*(hi-lo) + 1e-9*math.Abs(x) + 1e-12 + m.least()/3
}

func (m *zModel) score(x float64) Score {
	least := m.least()
	s := Score{Z: (x - m.mean) / m.sigma(x, min(m.lo, x), max(m.hi, x)), Expected: m.mean}
	switch {
	case s.Z > 0:
		s.Direction = finding.Up
	case s.Z < 0:
		s.Direction = finding.Down
	}
	if math.Abs(x-m.mean) >= least && m.set.Side.matters(s.Direction) {
		s.Value = math.Abs(s.Z) / m.set.Threshold
	}
	return s
}

func (m *zModel) learn(x float64, interval time.Duration) {
	if m.n > zMinPoints {
		// One glitch at most doubles the range and moves the mean by a few
		// deviations; a lasting change reaches any range in a few dozen points.
		reach := zClamp * m.sigma(m.mean, m.lo, m.hi)
		grow := max(m.hi-m.lo, reach)
		m.lo, m.hi = min(m.lo, max(x, m.lo-grow)), max(m.hi, min(x, m.hi+grow))
		x = min(max(x, m.mean-reach), m.mean+reach)
	} else {
		m.lo, m.hi = min(m.lo, x), max(m.hi, x)
	}
	memory := float64(zDefaultMemory)
	if interval > 0 {
		memory = max(float64(m.set.Memory)/float64(interval), zMinPoints)
	}
	if m.n < math.MaxUint32 {
		m.n++
	}
	if m.mute > 0 {
		m.mute--
	}
	a := 1 / min(float64(m.n), memory)
	d := x - m.mean
	m.mean += a * d
	m.variance = (1 - a) * (m.variance + a*d*d)
}

// zStateSize: four floats, an instant, a count and the points left to mute.
const zStateSize = 4*8 + 8 + 4 + 1

var errZState = errors.New("not the memory of a zscore model")

// AppendBinary implements Model.
func (m *zModel) AppendBinary(b []byte) ([]byte, error) {
	for _, f := range [...]float64{m.mean, m.variance, m.lo, m.hi} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(m.first))
	b = binary.LittleEndian.AppendUint32(b, m.n)
	return append(b, m.mute), nil
}

// UnmarshalBinary implements Model.
func (m *zModel) UnmarshalBinary(data []byte) error {
	if len(data) != zStateSize {
		return errZState
	}
	var f [4]float64
	for i := range f {
		f[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		if math.IsNaN(f[i]) || math.IsInf(f[i], 0) {
			return errZState
		}
	}
	mute := data[zStateSize-1]
	if f[1] < 0 || f[2] > f[3] || mute > zAfterGap {
		return errZState
	}
	m.mean, m.variance, m.lo, m.hi = f[0], f[1], f[2], f[3]
	m.first = int64(binary.LittleEndian.Uint64(data[32:]))
	m.n = binary.LittleEndian.Uint32(data[40:])
	m.mute = mute
	return nil
}
