// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var sample = Spec{Verb: "x.do", Params: []Param{
	{Name: "mode", Summary: "how", Type: String, Enum: []string{"soft", "hard"}, Default: "soft"},
	{Name: "name", Type: String, Max: 8},
	{Name: "free", Type: String},
	{Name: "count", Summary: "how many", Type: Int, Min: 1, Max: 9, Required: true},
	{Name: "share", Type: Float, Min: -1, Max: 1},
	{Name: "any", Type: Float},
	{Name: "force", Type: Bool},
	{Name: "grace", Type: Duration, Min: 1, Max: 60, Default: 5 * time.Second},
}}

func TestResolveCompletes(t *testing.T) {
	got, err := sample.Resolve(map[string]any{"count": 3})
	require.NoError(t, err)
	require.Equal(t, Params{"mode": "soft", "count": int64(3), "grace": 5 * time.Second}, got)

	got, err = sample.Resolve(map[string]any{
		"mode": "hard", "name": "abcdefgh", "count": 9.0, "share": -1, "any": uint64(7), "force": false, "grace": "1m",
	})
	require.NoError(t, err)
	require.Equal(t, Params{
		"mode": "hard", "name": "abcdefgh", "count": int64(9), "share": -1.0, "any": 7.0, "force": false, "grace": time.Minute,
	}, got)
	again, err := sample.Resolve(got)
	require.NoError(t, err)
	require.Equal(t, got, again, "resolving twice must change nothing")
}

func TestResolveRefuses(t *testing.T) {
	tests := []struct {
		name string
		raw  map[string]any
		want string
	}{
		{"unknown", map[string]any{"count": 1, "cuont": 1}, `x.do has no parameter "cuont" (it takes: mode, name, free, count, share, any, force, grace)`},
		{"missing", nil, `x.do needs "count" (how many)`},
		{"not listed", map[string]any{"count": 1, "mode": "gentle"}, `mode: "gentle" is not one of: soft, hard`},
		{"too long", map[string]any{"count": 1, "name": "abcdefghi"}, "name: is 9 bytes long, at most 8 are allowed"},
		{"too long by default", map[string]any{"count": 1, "free": strings.Repeat("a", 257)}, "free: is 257 bytes long, at most 256 are allowed"},
		{"NUL", map[string]any{"count": 1, "free": "a\x00b"}, `free: "a\x00b" is not valid text`},
		{"not UTF-8", map[string]any{"count": 1, "free": "\xff"}, `free: "\xff" is not valid text`},
		{"low", map[string]any{"count": 0}, "count: 0 is out of range, allowed are 1 to 9"},
		{"high", map[string]any{"count": 10}, "count: 10 is out of range, allowed are 1 to 9"},
		{"fraction", map[string]any{"count": 1.5}, "count: want int, got 1.5 (float64)"},
		{"text for int", map[string]any{"count": "\x1b[2J"}, `count: want int, got \x1b[2J (string)`},
		{"NaN for int", map[string]any{"count": math.NaN()}, "count: want int, got NaN (float64)"},
		{"infinite int", map[string]any{"count": math.Inf(1)}, "count: +Inf is out of range, allowed are 1 to 9"},
		{"NaN", map[string]any{"count": 1, "share": math.NaN()}, "share: NaN is out of range, allowed are -1 to 1"},
		{"unbounded means bounded", map[string]any{"count": 1, "any": math.Inf(1)}, "any: +Inf is out of range, allowed are 0 to 2.147483647e+09"},
		{"negative without bounds", map[string]any{"count": 1, "any": -1}, "any: -1 is out of range"},
		{"text for float", map[string]any{"count": 1, "share": "1"}, "share: want float, got 1 (string)"},
		{"text for bool", map[string]any{"count": 1, "force": "yes"}, "force: want bool, got yes (string)"},
		{"number for string", map[string]any{"count": 1, "free": 1}, "free: want string, got 1 (int)"},
		{"number for duration", map[string]any{"count": 1, "grace": 5}, "grace: want duration, got 5 (int)"},
		{"bad duration", map[string]any{"count": 1, "grace": "soon"}, "grace: want duration, got soon (string)"},
		{"short duration", map[string]any{"count": 1, "grace": "10ms"}, "grace: 0.01 is out of range, allowed are 1 to 60"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sample.Resolve(tt.raw)
			require.ErrorIs(t, err, ErrParams)
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := Spec{Verb: "x.do"}.Resolve(map[string]any{"a": 1})
	require.ErrorContains(t, err, "it takes: none")
	_, err = Spec{Params: []Param{{Name: "a", Type: 99}}}.Resolve(map[string]any{"a": 1})
	require.ErrorContains(t, err, "declared with invalid type 99")
}

// FuzzParams feeds Resolve what a plan or a journal could hold. What it
// accepts must be typed, in bounds, and accepted again.
func FuzzParams(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"count":1}`, `{"count":3,"mode":"hard","grace":"10s","share":-0.5,"force":true,"name":"a","free":"b","any":1}`,
		`{"count":1e300}`, `{"count":-1}`, `{"count":"1"}`, `{"count":1,"grace":"1e9s"}`, `{"count":1,"name":"\u0000"}`, `{"x":[[[]]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var raw map[string]any
		if json.Unmarshal(text, &raw) != nil {
			return
		}
		got, err := sample.Resolve(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrParams)
			require.Equal(t, err.Error(), Clean(err.Error(), len(err.Error())), "the error must be printable")
			return
		}
		require.IsType(t, int64(0), got["count"])
		require.GreaterOrEqual(t, got["count"].(int64), int64(1))
		require.LessOrEqual(t, got["count"].(int64), int64(9))
		require.Contains(t, []string{"soft", "hard"}, got["mode"])
		require.GreaterOrEqual(t, got["grace"].(time.Duration), time.Second)
		require.LessOrEqual(t, got["grace"].(time.Duration), time.Minute)
		written, err := json.Marshal(got)
		require.NoError(t, err)
		var read map[string]any
		require.NoError(t, json.Unmarshal(written, &read))
		again, err := sample.Resolve(read)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func BenchmarkResolve(b *testing.B) {
	raw := map[string]any{"count": 3, "mode": "hard", "grace": "10s"}
	for b.Loop() {
		if _, err := sample.Resolve(raw); err != nil {
			b.Fatal(err)
		}
	}
}
