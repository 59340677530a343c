// SPDX-License-Identifier: Apache-2.0

// Package rule says when a number or its absence is a fault that a person has
// named. A rule works from the first point of a series; it needs no history.
//
// Conditions are OTTL, compiled once against Sample. What a rule remembers of
// one series is a State, of an expected series a Watch: both are pure state
// machines in which time is an argument, in Unix nanoseconds.
package rule
