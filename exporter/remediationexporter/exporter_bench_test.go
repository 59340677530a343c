// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// drain takes everything and keeps nothing.
type drain struct {
	bystander
	watch bool
}

func (drain) Offer(findings []finding.Finding) int { return len(findings) }
func (d drain) Watches(series.Key) bool            { return d.watch }
func (d drain) WatchesAny() bool                   { return d.watch }

// BenchmarkConsume is the cost of a batch of a thousand points: when nothing
// is wrong, which is nearly always; when one in a hundred, or all, are
// flagged; and when an incident waits for proof from every series.
func BenchmarkConsume(b *testing.B) {
	const points = 1000
	for _, bench := range []struct {
		flagged int
		watch   bool
	}{{0, false}, {10, false}, {points, false}, {0, true}} {
		b.Run(fmt.Sprintf("flagged=%d/watching=%t", bench.flagged, bench.watch), func(b *testing.B) {
			exp := started(b, nop(), drain{watch: bench.watch})
			md := batch(points, bench.flagged)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, exp.ConsumeMetrics(b.Context(), md))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/points, "ns/point")
		})
	}
}
