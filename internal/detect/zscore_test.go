// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/homeostat/homeostat/internal/finding"
)

const step = 10 * time.Second

func testSettings() ZScoreSettings {
	return ZScoreSettings{Threshold: 4, Memory: 24 * time.Hour, Side: Both}
}

// point is number i of a series with one point each 10 s.
func point(i int, v float64) Point {
	return Point{Time: int64(i+1) * int64(step), Value: v, Interval: step}
}

// noise is a reproducible Gaussian series around 100 with deviation 5.
func noise(n int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]float64, n)
	for i := range out {
		out[i] = 100 + 5*r.NormFloat64()
	}
	return out
}

func trained(set ZScoreSettings, values []float64) Model {
	m := ZScore(set).New()
	for i, v := range values {
		m.Observe(point(i, v))
	}
	return m
}

func TestZScoreMeasuresDeviations(t *testing.T) {
	m := trained(testSettings(), noise(2000))
	s := m.Observe(point(2000, 130)) // six deviations up
	require.True(t, s.Ready)
	require.InDelta(t, 100, s.Expected, 1)
	require.InDelta(t, 6, s.Z, 0.6, "0.3 % of the range widens the scale a little")
	require.InDelta(t, s.Z/4, s.Value, 1e-12, "1.0 is the threshold")
	require.Equal(t, finding.Up, s.Direction)
	require.Equal(t, finding.Down, m.Observe(point(2001, 60)).Direction)
}

func TestGaussianP(t *testing.T) {
	for z, p := range map[float64]float64{0: 1, 1.959964: 0.05, -1.959964: 0.05, 3: 0.0026998} {
		require.InDelta(t, p, Score{Z: z}.P(), 1e-6)
	}
	require.True(t, math.IsNaN(Score{Z: math.NaN()}.P()))
}

// The tested point must not be in its own baseline: the score of a point is the
// same function of the past whatever the point is, so mean and variance do not
// move before it is scored.
func TestZScoreTestedPointIsNotInItsBaseline(t *testing.T) {
	for _, v := range []float64{100, 130, 1e6} {
		m := trained(testSettings(), noise(500)).(*zModel)
		mean := m.mean
		expected := m.Observe(point(500, v)).Expected
		require.InDelta(t, expected, mean, 0, "value %g", v)
	}
	// Batch mean and variance of a short series, computed apart.
	values := noise(20)
	m := trained(testSettings(), values).(*zModel)
	var mean, variance float64
	for _, v := range values {
		mean += v / 20
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / 20
	}
	require.InDelta(t, mean, m.mean, 1e-9, "a young baseline is the plain mean")
	require.InDelta(t, variance, m.variance, 1e-9, "and the plain variance")
}

func TestZScoreOutlierHardlyMovesTheBaseline(t *testing.T) {
	values := noise(1000)
	m := trained(testSettings(), values).(*zModel)
	sigma := math.Sqrt(m.variance)
	m.Observe(point(1000, 1e9))
	require.InDelta(t, 100, m.mean, 1, "the mean")
	require.InDelta(t, sigma, math.Sqrt(m.variance), 0.1*sigma, "the deviation")
	require.Greater(t, m.Observe(point(1001, 160)).Value, 1.5, "one glitch must not blind the detector")
	require.Less(t, m.Observe(point(1002, 110)).Value, 1.0)
}

// The claim beside zClamp: a shift of 20 deviations is adopted after about a
// sixth of the memory, i.e. four hours of a day.
func TestZScoreAdoptsALevelShiftAfterAboutFourHours(t *testing.T) {
	values := noise(30000)
	m := trained(testSettings(), values[:26000])
	var last time.Duration
	for i, v := range values[26000:30000] {
		if s := m.Observe(point(26000+i, v+100)); s.Value >= 1 {
			last = time.Duration(i) * step
		}
	}
	require.Greater(t, last, 2*time.Hour)
	require.Less(t, last, 6*time.Hour)
}

func TestZScoreIsSilentWhileItLearns(t *testing.T) {
	set := testSettings()
	set.WarmUp = 10 * time.Minute
	m := ZScore(set).New()
	for i := range 100 {
		s := m.Observe(point(i, float64(i%7)))
		require.Equal(t, i >= 60, s.Ready, "point %d, %s old", i, time.Duration(i)*step)
	}
	set.WarmUp = 0
	m = ZScore(set).New()
	for i := range 100 {
		require.Equal(t, i > zMinPoints, m.Observe(point(i, float64(i%7))).Ready, "point %d", i)
	}
}

func TestZScoreIsSilentForTwoPointsAfterAGap(t *testing.T) {
	m := trained(testSettings(), noise(100))
	p := point(1000, 130)
	p.Gap = true
	require.False(t, m.Observe(p).Ready)
	require.False(t, m.Observe(point(1001, 130)).Ready)
	require.True(t, m.Observe(point(1002, 130)).Ready)
}

func TestZScoreLeastInterestingChange(t *testing.T) {
	flat := make([]float64, 100)
	for i := range flat {
		flat[i] = 50
	}
	set := testSettings()
	require.Greater(t, trained(set, flat).Observe(point(100, 50.5)).Value, 1.0)
	set.MinAbs = 1
	require.Zero(t, trained(set, flat).Observe(point(100, 50.5)).Value)
	require.Greater(t, trained(set, flat).Observe(point(100, 60)).Value, 1.0)
	set.MinAbs, set.MinRel = 0, 0.05
	require.Zero(t, trained(set, flat).Observe(point(100, 52)).Value)
	require.Greater(t, trained(set, flat).Observe(point(100, 60)).Value, 1.0)
}

func TestZScoreSide(t *testing.T) {
	for side, want := range map[Side][2]bool{Both: {true, true}, Above: {true, false}, Below: {false, true}} {
		set := testSettings()
		set.Side = side
		up := trained(set, noise(100)).Observe(point(100, 200)).Value >= 1
		down := trained(set, noise(100)).Observe(point(100, 0)).Value >= 1
		require.Equal(t, want, [2]bool{up, down}, "side %s", side)
	}
}

func TestZScoreStaysFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := ZScore(testSettings()).New().(*zModel)
		values := rapid.SliceOfN(rapid.Float64(), 1, 100).Draw(t, "values")
		for i, v := range values {
			s := m.Observe(point(i, v))
			for name, f := range map[string]float64{"score": s.Value, "expected": s.Expected, "mean": m.mean, "variance": m.variance} {
				if math.IsNaN(f) || math.IsInf(f, 0) {
					t.Fatalf("%s is %g after %g", name, f, values[:i+1])
				}
			}
		}
	})
	m := trained(testSettings(), noise(100))
	require.False(t, m.Observe(point(100, math.NaN())).Ready)
	require.InDelta(t, 100, m.Observe(point(101, 100)).Expected, 2, "a NaN leaves no trace")
}

// The scores of a prefix are the prefix of the scores, also across a restart.
func TestZScoreSurvivesARestart(t *testing.T) {
	values := noise(300)
	for _, cut := range []int{0, 1, 30, 200} {
		whole := trained(testSettings(), values[:cut])
		b, err := whole.AppendBinary(nil)
		require.NoError(t, err)
		restored := ZScore(testSettings()).New()
		require.NoError(t, restored.UnmarshalBinary(b))
		for i, v := range values[cut:] {
			want, got := whole.Observe(point(cut+i, v)), restored.Observe(point(cut+i, v))
			require.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got), "cut %d, point %d", cut, i)
		}
	}
}

func TestZScoreRefusesForeignState(t *testing.T) {
	good, err := trained(testSettings(), noise(100)).AppendBinary(nil)
	require.NoError(t, err)
	spoil := func(f func(b []byte)) []byte {
		b := append([]byte(nil), good...)
		f(b)
		return b
	}
	for name, b := range map[string][]byte{
		"empty":             {},
		"short":             good[:len(good)-1],
		"long":              append(append([]byte(nil), good...), 0),
		"mean is NaN":       spoil(func(b []byte) { copy(b, "\xff\xff\xff\xff\xff\xff\xff\xff") }),
		"negative variance": spoil(func(b []byte) { b[15] |= 0x80 }),
		"mute":              spoil(func(b []byte) { b[zStateSize-1] = 9 }),
	} {
		t.Run(name, func(t *testing.T) {
			m := ZScore(testSettings()).New()
			require.ErrorIs(t, m.UnmarshalBinary(b), errZState)
			require.Equal(t, ZScore(testSettings()).New(), m)
		})
	}
}

// FuzzZScoreState: no bytes make a model that panics or speaks of NaN.
func FuzzZScoreState(f *testing.F) {
	good, _ := trained(testSettings(), noise(100)).AppendBinary(nil)
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := ZScore(testSettings()).New()
		if m.UnmarshalBinary(b) != nil {
			return
		}
		if s := m.Observe(point(0, 1)); math.IsNaN(s.Value) {
			t.Fatalf("score is NaN from %x", b)
		}
		again, err := m.AppendBinary(nil)
		require.NoError(t, err)
		require.Len(t, again, zStateSize)
	})
}

// A detector that flags everything finds all faults, so finding them is not
// enough: F1 over points must beat it by far.
func TestZScoreBeatsFlaggingEverything(t *testing.T) {
	var truePositive, falsePositive, falseNegative, positives, all float64
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := ZScore(ZScoreSettings{Threshold: 6, Memory: 24 * time.Hour, Side: Both, MinRel: 0.05}).New()
		for i := range 3000 {
			v := 100 + 10*math.Sin(float64(i)/200) + 3*r.NormFloat64()
			spike := i > 500 && i%400 == 0
			shift := i >= 2500 && i < 2560
			if spike || shift {
				v += 80
			}
			s := m.Observe(point(i, v))
			flagged, labelled := s.Ready && s.Value >= 1, spike || shift
			all++
			switch {
			case flagged && labelled:
				truePositive++
			case flagged:
				falsePositive++
			case labelled:
				falseNegative++
			}
			if labelled {
				positives++
			}
		}
	}
	f1 := 2 * truePositive / (2*truePositive + falsePositive + falseNegative)
	flagAll := 2 * positives / (all + positives)
	require.Greater(t, f1, 0.95)
	require.Greater(t, f1, 10*flagAll)
}

func TestObserveDoesNotAllocate(t *testing.T) {
	values := noise(2000)
	for _, d := range []Detector{ZScore(testSettings())} {
		m, i := d.New(), 0
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			m.Observe(point(i, values[i]))
			i++
		}), "%s must not allocate", d.Name())
	}
}

func BenchmarkObserve(b *testing.B) {
	values := noise(1024)
	for _, d := range []Detector{ZScore(testSettings())} {
		b.Run(d.Name(), func(b *testing.B) {
			m, i := d.New(), 0
			for b.Loop() {
				m.Observe(point(i, values[i&1023]))
				i++
			}
		})
	}
}
