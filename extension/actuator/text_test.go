// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"nginx: worker", "nginx: worker"},
		{"größe 試し", "größe 試し"},
		{"a\nb\tc\r", `a\nb\tc\r`},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"nul\x00", `nul\x00`},
		{"\xff\xfe", `\xff\xfe`},
		{"a\u202eb\u2028", `a\u202eb\u2028`},
		{"0123456789abcdef", "0123456789…"},
		{"0123456789abc", "0123456789abc"},
		{strings.Repeat("\x00", 9), `\x00\x00…`},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, Clean(tt.in, max(13, min(len(tt.want), 40))), "%q", tt.in)
	}
	require.Empty(t, Clean("abc", 0))
	require.Empty(t, Clean("abc", 2), "not even the mark fits")
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff", 5)
	f.Add(strings.Repeat("é", 40), 41)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		got := Clean(text, limit)
		require.LessOrEqual(t, len(got), max(limit, 0))
		require.True(t, utf8.ValidString(got))
		for _, r := range got {
			require.True(t, unicode.IsPrint(r), "%q", got)
		}
		require.Equal(t, got, Clean(got, len(got)), "cleaning twice must change nothing")
	})
}
