// SPDX-License-Identifier: Apache-2.0

// Package incident remembers what is wrong with one target and what was done
// about it. An Incident is the fold of its Events through a pure step
// function, so that the journal can rebuild it and nothing about "what next"
// lives anywhere else. Book holds all incidents and bounds them.
package incident
