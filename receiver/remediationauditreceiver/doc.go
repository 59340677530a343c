// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package remediationauditreceiver exports every decision of the remediation
// engine as an OTLP log record, at least once and in order.
package remediationauditreceiver
