// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../tools.mod mdatagen metadata.yaml

// Package systemdactuator is an extension that explains, starts, restarts and reloads systemd units over D-Bus, as the remediation engine asks. It runs on Linux only.
package systemdactuator
