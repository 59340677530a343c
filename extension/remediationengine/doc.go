// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package remediationengine decides what is done about what detection found:
// it owns incidents, plans, guards and the journal, and asks actuators to act.
// It implements the contracts finding.Sink, audit.Outbox and operate.Desk.
package remediationengine
