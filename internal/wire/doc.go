// SPDX-License-Identifier: Apache-2.0

// Package wire is the only place that walks pdata's five metric types. It
// turns datapoints into keys and readings, writes findings onto datapoints and
// reads them back, and builds the companion metrics.
package wire
