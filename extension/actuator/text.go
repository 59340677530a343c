// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// ellipsis marks where Clean cut.
const ellipsis = "…"

// Clean makes text from outside (command lines, unit names, file names, log
// lines) safe to show: at most limit bytes of valid UTF-8 on one line. What
// is not printable, terminal escapes and direction overrides among it, is
// written as Go escapes such as \n, \x1b or \u202e.
func Clean(text string, limit int) string {
	var out []byte
	cut := 0 // how much of out leaves room for the mark
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		piece := text[:size]
		if (r == utf8.RuneError && size == 1) || (!unicode.IsPrint(r) && r != ' ') {
			quoted := strconv.Quote(piece)
			piece = quoted[1 : len(quoted)-1]
		}
		if len(out)+len(piece) > limit {
			if cut+len(ellipsis) > limit {
				return ""
			}
			return string(append(out[:cut], ellipsis...))
		}
		out = append(out, piece...)
		if len(out)+len(ellipsis) <= limit {
			cut = len(out)
		}
		text = text[size:]
	}
	return string(out)
}
