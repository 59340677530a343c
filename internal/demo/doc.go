// SPDX-License-Identifier: Apache-2.0

// Package demo breaks a host for real and lets the built Collector repair it:
// a process that burns a core, a daemon that dies and a filesystem that fills
// up. First in observe mode, where nothing may change, then in auto mode. All
// of it happens in a PID and a mount namespace of its own, so that nothing
// outside can be seen or touched, and nothing is left behind.
//
// What it reports is read from the telemetry that the Collector exports and
// from the faults themselves, never assumed.
package demo
