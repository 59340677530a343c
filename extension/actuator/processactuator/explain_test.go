// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

func TestExplainTellsTheTruth(t *testing.T) {
	e := started(t, func(cfg *Config) { cfg.SampleWindow = 300 * time.Millisecond })
	c := spawnChild(t, nil, program(t, "sh"), "-c", "while :; do :; done", "--password=hunter2", "\x1b[2J\nline\xff")
	req, _ := planned(t, e, verbExplain, c.target(), nil)
	result, err := e.Execute(t.Context(), req)
	require.NoError(t, err)
	facts := result.Facts
	require.Equal(t, strconv.Itoa(c.pid()), facts["pid"])
	require.Equal(t, c.Path, facts["executable"])
	require.Contains(t, facts["command"], "while :; do :; done")
	require.Contains(t, facts["command"], "--password=***")
	require.NotContains(t, facts["command"], "hunter2")
	require.Contains(t, facts["command"], `\x1b[2J\nline\xff`)
	require.Equal(t, "1", facts["threads"])
	require.Equal(t, "0", facts["nice"])
	require.Equal(t, "running", facts["state"])
	require.NotEqual(t, "0%", facts["cpu"])
	require.Contains(t, facts["parents"], "["+strconv.Itoa(os.Getpid())+"]")
	files, err := os.ReadDir("/proc/" + strconv.Itoa(c.pid()) + "/fd")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(len(files)), facts["open_files"])
	require.NotEmpty(t, facts["cgroup"])
	began, err := time.Parse(time.RFC3339, facts["started"])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), began, time.Minute)
	for _, key := range []string{"memory.resident", "memory.private"} {
		bytes, err := strconv.Atoi(facts[key])
		require.NoError(t, err)
		require.Positive(t, bytes, key)
	}
	require.NotContains(t, facts, "protected")

	req, _ = planned(t, e, verbExplain, processTarget(actuator.AttrPID, strconv.Itoa(os.Getpid())), nil)
	result, err = e.Execute(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "it is the collector or one of its ancestors", result.Facts["protected"])
}

// A missing fact says that it is missing.
func TestExplainWithoutRights(t *testing.T) {
	needRoot(t, "to drop rights")
	e, c := started(t, nil), sleeper(t)
	req, _ := planned(t, e, verbExplain, processTarget(actuator.AttrPID, strconv.Itoa(c.pid())), nil)
	asNobody(t, func() {
		preview, err := e.Plan(t.Context(), req)
		require.NoError(t, err)
		blind := req
		blind.Identity = preview.Identity
		result, err := e.Execute(t.Context(), blind)
		require.NoError(t, err)
		require.Equal(t, "unreadable", result.Facts["executable"])
		require.True(t, strings.HasPrefix(result.Facts["open_files"], "unreadable: "), result.Facts["open_files"])
	})
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"nginx", "-g", "daemon off;"}, "nginx -g daemon off;"},
		{[]string{"x", "--db-password=a", "DB_PASSWORD=b", "token:c", "-password", "d", "e"}, "x --db-password=*** DB_PASSWORD=*** token:*** -password *** e"},
		{[]string{"x", "postgres://user:secret@host/db"}, "x postgres://user:***@host/db"},
		{[]string{"x", "--api-key", "k"}, "x --api-key ***"},
		{[]string{"a\nb", "\x1b]0;t\a"}, `a\nb \x1b]0;t\a`},
		{[]string{strings.Repeat("a", 600)}, strings.Repeat("a", 509) + "…"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, commandLine(tt.args))
	}
	require.LessOrEqual(t, len(commandLine(strings.Split(strings.Repeat("abc ", 5000), " "))), mostCommand)
}

func TestStateName(t *testing.T) {
	require.Equal(t, "in uninterruptible sleep", stateName('D'))
	require.Equal(t, "unknown", stateName('?'))
}
