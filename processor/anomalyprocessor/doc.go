// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package anomalyprocessor reads every datapoint once, keeps a small model for
// each series, and says on the datapoint when it breaches a rule or leaves its
// normal range. It is a thin shell: internal/wire walks pdata, internal/series
// makes numbers comparable, internal/rule and internal/detect decide.
//
// A series is a slot of one bounded table, guarded by the lock of its shard.
// No lock is held while the next component is called, and what Start starts,
// Shutdown joins.
package anomalyprocessor
