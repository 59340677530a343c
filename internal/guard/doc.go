// SPDX-License-Identifier: Apache-2.0

// Package guard decides whether a step may be taken now. Chain is the whole
// policy, in the order in which it is asked; every guard is a pure function
// that says Go, Hold or No, and why.
package guard
