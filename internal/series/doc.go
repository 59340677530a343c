// SPDX-License-Identifier: Apache-2.0

// Package series names time series and bounds how many of them are watched.
// It knows numbers and keys only: no pdata, no Collector.
package series
