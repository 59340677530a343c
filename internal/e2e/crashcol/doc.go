// SPDX-License-Identifier: Apache-2.0

// Package crashcol is a Collector to be killed. It is built from the same
// components as the distribution and one more: an actuator whose effect can
// be counted from outside, however the process ends. Its test binary runs
// itself as that Collector, so that what is killed is a real process with
// real files, checked by the race detector when the tests are.
package crashcol
