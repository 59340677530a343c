// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../tools.mod mdatagen metadata.yaml

// Package processactuator is an extension that explains, renices and signals processes through pidfds, and starts and stops the daemons named in its configuration. It runs on Linux only.
package processactuator
