// SPDX-License-Identifier: Apache-2.0

package rule

import "strings"

// Pattern is an exact text or a glob: * stands for any run of characters
// (dots and slashes too), ? for any one byte. There is no escape.
type Pattern string

// Exact reports whether p can match one text only.
func (p Pattern) Exact() bool { return !strings.ContainsAny(string(p), "*?") }

// Matches reports whether p stands for the whole of s. It takes time
// proportional to len(p)*len(s) at worst, and no memory.
func (p Pattern) Matches(s string) bool {
	i, j := 0, 0          // in p, in s
	star, resume := -1, 0 // the last * in p, and where its run may grow from
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0: // let the last * swallow one byte more
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// AnyMatches reports whether one of the patterns stands for s.
func AnyMatches(patterns []Pattern, s string) bool {
	for _, p := range patterns {
		if p.Matches(s) {
			return true
		}
	}
	return false
}
