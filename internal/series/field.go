// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"strconv"
	"strings"
)

// Names of the numbers that are derived from a histogram or summary point.
// Quantiles are named by QuantileField.
const (
	FieldCountRate = "count_rate" // observations per second
	FieldMean      = "mean"       // of the observations of the interval
)

// DefaultQuantiles are derived from histograms where nothing else is asked.
func DefaultQuantiles() []float64 { return []float64{0.50, 0.95, 0.99} }

// QuantileField names a quantile between 0 and 1 as a percentile: "p50",
// "p99.9".
func QuantileField(q float64) string {
	// Seven decimals, without trailing zeros: 0.999*100 is 99.90000000000001.
	percent := strconv.FormatFloat(math.Abs(q)*100, 'f', 7, 64)
	return "p" + strings.TrimSuffix(strings.TrimRight(percent, "0"), ".")
}
