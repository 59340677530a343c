// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package consoleextension is the door for operators: it serves what the
// remediation engine knows, and takes their answers, over HTTP.
package consoleextension
