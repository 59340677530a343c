// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		glob, rel string
		want      bool
	}{
		{"*.tmp", "a.tmp", true},
		{"*.tmp", "deep/er/a.tmp", true},
		{"*.tmp", "a.tmp.db", false},
		{"cache/*.tmp", "cache/a.tmp", true},
		{"cache/*.tmp", "cache/deep/a.tmp", false},
		{"cache/*.tmp", "other/cache/a.tmp", false},
		{"cache/**", "cache/deep/a", true},
		{"cache/**", "cache", true},
		{"**/old/*.gz", "old/a.gz", true},
		{"**/old/*.gz", "x/y/old/a.gz", true},
		{"**/old/*.gz", "x/old/y/a.gz", false},
		{"a/**/b/**/c", "a/b/x/b/c", true},
		{"**", "anything/at/all", true},
	} {
		require.Equal(t, tt.want, matches([]string{tt.glob}, tt.rel), "%s on %s", tt.glob, tt.rel)
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("**/a/**/b", "x/a/y/b")
	f.Add("*.tmp", "a.tmp")
	f.Add("[", "x")
	f.Fuzz(func(t *testing.T, glob, rel string) {
		if len(glob) > 200 || len(rel) > 1000 {
			t.Skip("longer than any path that matters")
		}
		got := matches([]string{glob}, rel)
		require.Equal(t, got, matches([]string{"no such file", glob}, rel), "other globs change nothing")
		if !got && strings.Contains(glob, "/") {
			require.False(t, matchParts(strings.Split(glob, "/"), strings.Split(rel, "/")))
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"what":"head","operation":"op"}` + "\n" + `{"what":"planned","file":"a"}` + "\n" + `{"what":"removed","file":"a"}` + "\n" + `{"what":"end"}`))
	f.Add([]byte(`{"what":"head"}` + "\n" + `{"wha`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := readManifest(bytes.NewReader(text))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(a.planned)+a.removed, bytes.Count(text, []byte("\n"))+1)
	})
}

func FuzzMountinfo(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n")
	f.Add("1 - x\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		_ = eachMount(strings.NewReader(text), func(m mount) { require.NotEmpty(t, m.point) })
	})
}

func TestMountinfo(t *testing.T) {
	const text = "22 1 0:20 / / rw - ext4 /dev/root rw\nnonsense\n36 22 98:0 / /mnt\\0402 rw,noatime master:1 - tmpfs none rw\n"
	var got []mount
	require.NoError(t, eachMount(strings.NewReader(text), func(m mount) { got = append(got, m) }))
	require.Equal(t, []mount{{22, "/", "ext4"}, {36, "/mnt 2", "tmpfs"}}, got)
}

func TestFindMount(t *testing.T) {
	const table = "36 22 0:40 / /mnt rw - tmpfs a rw\n37 22 0:41 / /mnt rw - tmpfs b rw\n38 22 0:42 / /home rw - nfs4 server:/home rw\n39 22 0:43 / /f rw - fuse.sshfs x rw\n"
	m, err := findMount(strings.NewReader(table), "/mnt")
	require.NoError(t, err)
	require.Equal(t, mount{37, "/mnt", "tmpfs"}, m, "the one on top")
	for _, point := range []string{"/home", "/f"} {
		_, err = findMount(strings.NewReader(table), point)
		require.ErrorIs(t, err, actuator.ErrProtected, "a server that hangs would hang every call")
	}
	_, err = findMount(strings.NewReader(table), "/mn")
	require.ErrorIs(t, err, actuator.ErrNotFound)
}

// A manifest that a crash cut off is read as far as it is whole.
func TestManifestCutOff(t *testing.T) {
	var text []byte
	for _, e := range []entry{{What: whatHead, Operation: "op"}, {What: whatPlanned, File: "a"}, {What: whatRemoved, File: "a"}} {
		line, err := json.Marshal(e)
		require.NoError(t, err)
		text = append(append(text, line...), '\n')
	}
	a, err := readManifest(bytes.NewReader(text[:len(text)-5]))
	require.NoError(t, err)
	require.Equal(t, "op", a.operation)
	require.Len(t, a.planned, 1)
	require.Zero(t, a.removed)
	require.False(t, a.ended)
	_, err = readManifest(strings.NewReader("{}"))
	require.Error(t, err)
}
