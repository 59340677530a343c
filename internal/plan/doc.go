// SPDX-License-Identifier: Apache-2.0

// Package plan is what a user wrote about which fault is answered how: plans
// are decoded strictly, checked, bound to the verbs of the actuators, matched
// to findings and resolved to targets. There is no expression language and no
// template in a plan: telemetry selects, it never becomes a command.
package plan
