// SPDX-License-Identifier: Apache-2.0

// Package series names time series, bounds how many of them are watched, and
// makes their readings comparable: counters become rates, histograms become
// the distribution of the interval, and what cannot be scored gets a Reason.
// It knows numbers and keys only: no pdata, no Collector.
package series
