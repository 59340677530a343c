// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package remediationexporter turns the flagged points of annotated metrics
// into findings and offers them to the remediation engine. It never blocks,
// never retries and owns no state.
package remediationexporter
