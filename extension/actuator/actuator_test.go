// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestZeroSpecIsTheStrictest(t *testing.T) {
	var undeclared Spec
	for _, impact := range []Impact{Destroy, Restart, Adjust, Observe} {
		require.True(t, undeclared.Impact.HeavierThan(impact), "%s", impact)
		require.False(t, impact.HeavierThan(undeclared.Impact), "%s", impact)
	}
	require.Equal(t, Never, undeclared.Replay)
	require.False(t, undeclared.Reversible)
	_, err := undeclared.Resolve(map[string]any{"anything": 1})
	require.ErrorIs(t, err, ErrParams)
}

func TestClassNames(t *testing.T) {
	for impact, want := range map[Impact]string{Host: "host", Destroy: "destroy", Restart: "restart", Adjust: "adjust", Observe: "observe", 99: "host", -1: "host"} {
		require.Equal(t, want, impact.String())
	}
	for replay, want := range map[Replay]string{Never: "never", Probeable: "probeable", Idempotent: "idempotent", 99: "never", -1: "never"} {
		require.Equal(t, want, replay.String())
	}
	for typ, want := range map[Type]string{String: "string", Int: "int", Float: "float", Bool: "bool", Duration: "duration", 99: "invalid", -1: "invalid"} {
		require.Equal(t, want, typ.String())
	}
}

func TestIdentityEqual(t *testing.T) {
	id := Identity{"pid": "1", "start": "2"}
	require.True(t, id.Equal(Identity{"start": "2", "pid": "1"}))
	require.False(t, id.Equal(Identity{"pid": "1"}))
	require.False(t, id.Equal(Identity{"pid": "1", "start": "3"}))
	require.False(t, id.Equal(nil))
}

// A request lies in the journal between intent and a restart of the engine.
func TestRequestSurvivesTheJournal(t *testing.T) {
	spec := Spec{Verb: "x.do", Params: []Param{
		{Name: "grace", Type: Duration, Max: 60},
		{Name: "count", Type: Int, Max: 1 << 50},
		{Name: "share", Type: Float, Max: 1},
		{Name: "force", Type: Bool},
		{Name: "name", Type: String},
	}}
	resolved, err := spec.Resolve(map[string]any{"grace": "1m0s", "count": 1 << 50, "share": 0.25, "force": true, "name": "a"})
	require.NoError(t, err)
	want := Request{
		Operation: "op", Verb: "x.do", Identity: Identity{"pid": "7"}, Params: resolved,
		Target: Target{Kind: KindProcess, Key: "host/a", Attr: map[string]string{AttrPID: "7"}},
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	var got Request
	require.NoError(t, json.Unmarshal(text, &got))
	got.Params, err = spec.Resolve(got.Params)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, Params{"grace": time.Minute, "count": int64(1 << 50), "share": 0.25, "force": true, "name": "a"}, got.Params)

	text, err = json.Marshal(Params(nil))
	require.NoError(t, err)
	require.JSONEq(t, "null", string(text))
	require.Equal(t, "process:host/a", want.Target.String())
}
