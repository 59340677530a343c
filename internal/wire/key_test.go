// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"

	"github.com/homeostat/homeostat/internal/series"
)

// identity is what a key is made of.
type identity struct {
	resource, point pcommon.Map
	scope, metric   string
	field           string
}

func (id identity) key() series.Key {
	var k keyer
	r := pcommon.NewResource()
	id.resource.CopyTo(r.Attributes())
	return FieldKey(k.point(k.metric(k.resource(r), id.scope, id.metric), id.point), id.field)
}

func mapOf(t require.TestingT, raw map[string]any) pcommon.Map {
	m := pcommon.NewMap()
	require.NoError(t, m.FromRaw(raw))
	return m
}

// TestKeysAreStable holds the keys still: state on disk is found by them. A
// change here makes every stored state worthless and needs a new keyVersion.
func TestKeysAreStable(t *testing.T) {
	host := mapOf(t, map[string]any{"host.name": "db1", "host.id": "42"})
	for want, id := range map[string]identity{
		"467200c20dba66dd94006530a0776107": {resource: pcommon.NewMap(), point: pcommon.NewMap(), metric: "up"},
		"f66889ceb4256be08caac7ad3923c661": {resource: host, point: pcommon.NewMap(), scope: "s", metric: "up"},
		"6ad1782e3ee986a9e5b19c2d4dc8de5f": {resource: host, point: mapOf(t, map[string]any{"device": "sda", "n": 1, "ok": true, "x": 0.5}), scope: "s", metric: "disk.io"},
		"5afc55faa9f3b9f83ab42e7393534795": {resource: host, point: mapOf(t, map[string]any{"l": []any{"a", 1}, "m": map[string]any{"a": 1, "b": []byte{1, 2}}, "none": nil}), scope: "s", metric: "disk.io"},
		"f63e9e4f2bc513389ec2920ae28e30da": {resource: host, point: mapOf(t, map[string]any{"long": strings.Repeat("x", 4096)}), scope: "s", metric: "disk.io", field: "p99"},
	} {
		require.Equal(t, want, id.key().String())
	}
}

func TestKeyIgnoresOrderAndDetectionsOwnAttributes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z.]{1,12}`), 0, 12, rapid.ID[string]).Draw(rt, "names")
		build := func(order []string) pcommon.Map {
			m := pcommon.NewMap()
			for _, name := range order {
				if !strings.HasPrefix(name, "anomaly.") {
					m.PutStr(name, "value of "+name)
				}
			}
			return m
		}
		one, other := build(names), build(rapid.Permutation(names).Draw(rt, "order"))
		other.PutStr("anomaly.state", "firing")
		other.PutDouble("anomaly.score", 3)
		require.Equal(rt,
			identity{resource: one, point: one, metric: "m"}.key(),
			identity{resource: other, point: other, metric: "m"}.key())
	})
}

// TestKeysTellIdentitiesApart lists identities that a careless encoding mixes
// up.
func TestKeysTellIdentitiesApart(t *testing.T) {
	empty := map[string]any{}
	type raw struct {
		resource, point      map[string]any
		scope, metric, field string
	}
	deep := func(v any) any {
		for range maxNested - 2 {
			v = []any{v}
		}
		return v
	}
	all := []raw{
		{empty, empty, "", "", ""},
		{empty, empty, "", "m", ""},
		{empty, empty, "m", "", ""},
		{empty, empty, "ab", "c", ""},
		{empty, empty, "a", "bc", ""},
		{empty, empty, "", "m", "p99"},
		{empty, empty, "", "m", "p9"},
		{map[string]any{"a": "b"}, empty, "", "m", ""},
		{empty, map[string]any{"a": "b"}, "", "m", ""},
		{empty, map[string]any{"ab": ""}, "", "m", ""},
		{empty, map[string]any{"": "ab"}, "", "m", ""},
		{empty, map[string]any{"a": "b", "c": "d"}, "", "m", ""},
		{empty, map[string]any{"a": "d", "c": "b"}, "", "m", ""},
		{empty, map[string]any{"a": "1"}, "", "m", ""},
		{empty, map[string]any{"a": 1}, "", "m", ""},
		{empty, map[string]any{"a": 1.0}, "", "m", ""},
		{empty, map[string]any{"a": true}, "", "m", ""},
		{empty, map[string]any{"a": false}, "", "m", ""},
		{empty, map[string]any{"a": 0}, "", "m", ""},
		{empty, map[string]any{"a": nil}, "", "m", ""},
		{empty, map[string]any{"a": ""}, "", "m", ""},
		{empty, map[string]any{"a": []byte{}}, "", "m", ""},
		{empty, map[string]any{"a": []byte("1")}, "", "m", ""},
		{empty, map[string]any{"a": []any{}}, "", "m", ""},
		{empty, map[string]any{"a": []any{"1"}}, "", "m", ""},
		{empty, map[string]any{"a": []any{"1", "2"}}, "", "m", ""},
		{empty, map[string]any{"a": []any{"2", "1"}}, "", "m", ""},
		{empty, map[string]any{"a": []any{"12"}}, "", "m", ""},
		{empty, map[string]any{"a": []any{[]any{"1"}, "2"}}, "", "m", ""},
		{empty, map[string]any{"a": []any{[]any{"1", "2"}}}, "", "m", ""},
		{empty, map[string]any{"a": map[string]any{}}, "", "m", ""},
		{empty, map[string]any{"a": map[string]any{"x": 1, "y": 2}}, "", "m", ""},
		{empty, map[string]any{"a": map[string]any{"x": 2, "y": 1}}, "", "m", ""},
		{empty, map[string]any{"a": map[string]any{"x": map[string]any{"y": 1}}}, "", "m", ""},
		{empty, map[string]any{"a": map[string]any{"anomaly.x": 1}}, "", "m", ""},
		{empty, map[string]any{"a": deep(1)}, "", "m", ""},
		{empty, map[string]any{"a": deep(2)}, "", "m", ""},
		{empty, map[string]any{"a": strings.Repeat("x", 5000)}, "", "m", ""},
		{empty, map[string]any{"a": strings.Repeat("x", 5001)}, "", "m", ""},
	}
	seen := map[series.Key]string{}
	for _, r := range all {
		id := identity{resource: mapOf(t, r.resource), point: mapOf(t, r.point), scope: r.scope, metric: r.metric, field: r.field}
		what := fmt.Sprintf("%.80v", r)
		require.Empty(t, seen[id.key()], "%s has the key of", what)
		require.False(t, id.key().IsZero())
		seen[id.key()] = what
	}
}

func TestKeyOfHostileDepthIsBounded(t *testing.T) {
	m := pcommon.NewMap()
	s := m.PutEmptySlice("deep")
	for range 100_000 {
		s = s.AppendEmpty().SetEmptySlice()
	}
	id := identity{resource: pcommon.NewMap(), point: m, metric: "m"}
	shallow := pcommon.NewMap()
	shallow.PutEmptySlice("deep")
	require.NotEqual(t, identity{resource: pcommon.NewMap(), point: shallow, metric: "m"}.key(), id.key())
}

func TestKeyerGivesLargeBuffersBack(t *testing.T) {
	var k keyer
	m := pcommon.NewMap()
	m.PutEmptyBytes("big").FromRaw(make([]byte, 4*maxBuffer))
	k.point(digest{}, m)
	require.Greater(t, cap(k.buf), maxBuffer)
	k.trim()
	require.Nil(t, k.buf)
}
