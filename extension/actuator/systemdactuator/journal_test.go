// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLastLines(t *testing.T) {
	require.Equal(t, "no lines", lastLines("\n", 5))
	require.Equal(t, "b\nc", lastLines("a\nb\nc\n", 2))
	require.Equal(t, `a\x1b[2J`+"\n"+`\xff`, lastLines("a\x1b[2J\n\xff\n", 5))
	long := lastLines(strings.Repeat(strings.Repeat("x", 1000)+"\n", 500)+"the end\n", 500)
	require.LessOrEqual(t, len(long), mostJournal)
	require.True(t, strings.HasSuffix(long, "\nthe end"), "the newest lines are kept")
	for line := range strings.SplitSeq(long, "\n") {
		require.LessOrEqual(t, len(line), mostLine)
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add("a\nb\x1b[2J\n\xff", 2)
	f.Fuzz(func(t *testing.T, text string, most int) {
		got := lastLines(text, max(1, min(most, 500)))
		require.LessOrEqual(t, len(got), mostJournal)
		require.NotContains(t, got, "\x1b")
	})
}

func TestLimited(t *testing.T) {
	var out bytes.Buffer
	l := &limited{buffer: &out, left: 5}
	n, err := l.Write([]byte("abc"))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, err = l.Write([]byte("def"))
	require.ErrorIs(t, err, errFull)
	require.Equal(t, "abc", out.String())
}

// The knob journal_directory decides what is read.
func TestJournalDirectory(t *testing.T) {
	if _, err := exec.LookPath(journalProgr); err != nil {
		t.Skip("needs journalctl: install the package systemd")
	}
	u := unit{name: "app.service"}
	empty := started(t, nil, func(cfg *Config) { cfg.JournalDirectory = t.TempDir() })
	require.Equal(t, "no lines", empty.journal(t.Context(), u, 5))
	missing := started(t, nil, func(cfg *Config) { cfg.JournalDirectory = "/no/such/journal" })
	require.Contains(t, missing.journal(t.Context(), u, 5), "unreadable: ")
	require.NotContains(t, missing.journal(t.Context(), u, 5), "\n")
}
