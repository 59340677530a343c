// SPDX-License-Identifier: Apache-2.0

package series

import (
	"strconv"
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
	// Percent is rounded to 1e-7: 0.999*100 is 99.90000000000001 otherwise.
	return "p" + strconv.FormatFloat(roundPercent(q), 'g', -1, 64)
}

func roundPercent(q float64) float64 {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(q*100, 'f', 7, 64), 64)
	return v
}
