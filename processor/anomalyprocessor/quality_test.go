// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDefaultsFindInjectedFaults runs eight hours of twenty series of four
// kinds with the default configuration, a fault in each, and compares episodes
// with the labels. Flagging everything finds every fault too, so precision
// over points must be far above the share of labelled points.
func TestDefaultsFindInjectedFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "companion_metrics: {enabled: false}", nil)
		defer r.stop()
		const points, n = 8 * 360, 20
		random := rand.New(rand.NewPCG(11, 12))
		found := make([]bool, n)
		var flagged, right, labelled, all float64
		for i := range points {
			time.Sleep(10 * time.Second)
			values := make([]float64, n)
			hot := make([]bool, n)
			for s := range values {
				start := 1000 + 80*s
				hot[s] = i >= start && i < start+30
				switch noise := random.NormFloat64(); s % 4 {
				case 0: // noisy level, and a level shift up
					values[s] = 100 + 4*noise + shift(hot[s], 70)
				case 1: // slow wave, and a drop
					values[s] = 100 + 10*math.Sin(float64(i)/300) + 2*noise - shift(hot[s], 80)
				case 2: // mostly zero, and a burst
					values[s] = math.Abs(noise)*0.1 + shift(hot[s], 5)
				default: // constant, and a change
					values[s] = 42 + shift(hot[s], 20)
				}
			}
			r.send(gauges(web1, "m", values...))
			for _, p := range r.said() {
				s := p.attr["n"].(int64)
				all++
				if hot[s] {
					labelled++
				}
				if p.state() != "firing" {
					continue
				}
				flagged++
				// Ends are confirmed by three calm points: they are no false alarm.
				recent := i < 1000+80*int(s)+33 && i >= 1000+80*int(s)
				if recent {
					right++
					found[s] = true
				}
			}
		}
		for s, ok := range found {
			require.True(t, ok, "the fault in series %d was missed", s)
		}
		precision := right / flagged
		require.Greater(t, precision, 0.95)
		require.Greater(t, precision, 10*labelled/all, "no better than flagging everything")
	})
}

func shift(hot bool, by float64) float64 {
	if hot {
		return by
	}
	return 0
}
