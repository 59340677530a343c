// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/console/consoletest"
	"github.com/homeostat/homeostat/internal/operate"
)

// requireSafe requires text to have nothing that a terminal obeys.
func requireSafe(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		require.True(t, r == '\n' || unicode.IsPrint(r), "%U in %q", r, text)
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	desk := consoletest.NewDesk()
	incident, err := desk.Incident("inc-evil")
	require.NoError(t, err)
	incident.ID, incident.State, incident.Plan, incident.Step, incident.Severity = consoletest.Hostile, consoletest.Hostile, consoletest.Hostile, consoletest.Hostile, consoletest.Hostile
	incident.Question = &operate.Question{Digest: consoletest.Hostile, Action: consoletest.Hostile, Preview: []string{consoletest.Hostile}}
	incident.History[0].Name = consoletest.Hostile
	evil := consoletest.Hostile
	status := operate.Status{Mode: evil, Effective: "x", Why: evil, Plans: []string{evil}, Actuators: []string{evil}, Incidents: map[string]int{evil: 1}}

	var out bytes.Buffer
	require.NoError(t, printIncident(&out, incident))
	require.NoError(t, table(&out, incidentRows([]operate.Incident{incident})...))
	require.NoError(t, table(&out, statusRows(status)...))
	require.NoError(t, printJSON(&out, incident))
	require.NoError(t, printJSON(&out, status))
	require.NoError(t, done(printer{out: &out}, evil, nil))
	requireSafe(t, out.String())
	require.Contains(t, out.String(), `evil\x1b[2J`)
}

func TestWhen(t *testing.T) {
	require.Equal(t, "-", when(time.Time{}))
	require.Equal(t, "2026-01-02 03:04:05Z", when(consoletest.Opened))
}

func TestReadYes(t *testing.T) {
	for text, want := range map[string]bool{"y\n": true, "YES\n": true, "\tyes \n": true, "y": true, "\n": false, "": false, "n\n": false, "yep\n": false} {
		require.Equal(t, want, readYes(strings.NewReader(text)), "%q", text)
	}
}

func TestVersionOf(t *testing.T) {
	built := func() (*debug.BuildInfo, bool) { return &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, true }
	none := func() (*debug.BuildInfo, bool) { return nil, false }
	require.Equal(t, "9", versionOf("9", built))
	require.Equal(t, "v1.2.3", versionOf("", built))
	require.Equal(t, "unknown", versionOf("", none))
}

func TestExitCodeOfAnythingElse(t *testing.T) {
	require.Equal(t, exitFailed, exitCode(errors.New("whatever")))
	require.Equal(t, exitUnconfirmed, exitCode(errUnconfirmed))
}

// FuzzPrint holds both outputs to their promise for any text: nothing that a
// terminal obeys, and JSON that means the same.
func FuzzPrint(f *testing.F) {
	for _, seed := range []string{"", "plain", consoletest.Hostile, "\U000e0041", "\u2028", `\u001b`, strings.Repeat("é", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		require.LessOrEqual(t, len(cell(text)), max(1, maxCell))
		requireSafe(t, cell(text))
		requireSafe(t, clean(text))
		plain, err := json.Marshal(text)
		require.NoError(t, err)
		escaped := escapeJSON(plain)
		requireSafe(t, string(escaped))
		var want, got string
		require.NoError(t, json.Unmarshal(plain, &want))
		require.NoError(t, json.Unmarshal(escaped, &got))
		require.Equal(t, want, got)
	})
}
