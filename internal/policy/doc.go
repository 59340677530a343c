// SPDX-License-Identifier: Apache-2.0

// Package policy holds the house rules that a test can check: who may import
// whom and why, what every source file carries, and that the manifests of the
// distribution agree with what is built. A rule without a test is a wish.
package policy
