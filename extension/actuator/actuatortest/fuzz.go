// SPDX-License-Identifier: Apache-2.0

package actuatortest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/homeostat/homeostat/extension/actuator"
)

// hostile is what telemetry from a hostile source could carry.
var hostile = []string{
	"", " ", ".", "..", "/", "/etc/passwd", "../../etc/passwd", "a;rm -rf /.service", "$(reboot)", "`reboot`", "a\nb.service",
	"nul\x00.service", "\x1b[2J\x1b]0;x\a", "\u202egnp.exe", "\xff\xfe", "%n%s", "*", "[a-", "-1", "0", "1", "2", "4294967297",
	"99999999999999999999", "1e9", "NaN", "+Inf", "<script>alert(1)</script>", strings.Repeat("A", 1<<20),
}

// survivesFuzzing sends requests that no engine would send. Identities are
// made up, so nothing may be applied, whatever else matches.
func survivesFuzzing(t *testing.T, h Harness, c Case) {
	a, s := h.New(t), c.Setup(t)
	spec := specOf(t, a, c.Verb)
	before := s.State()
	deadline := time.Now().Add(20 * time.Second)
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(deadline) {
			return
		}
		req := actuator.Request{
			Operation: rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()).Draw(rt, "operation"),
			Verb:      c.Verb,
			Target:    actuator.Target{Kind: s.Target.Kind, Key: s.Target.Key, Attr: attributes(rt, s)},
			Identity:  actuator.Identity{"made_up": rapid.String().Draw(rt, "identity")},
			Params:    parameters(rt, spec),
		}
		preview, err := a.Plan(t.Context(), req)
		if err != nil {
			require.True(rt, refusal(err), "not an error of the contract: %v", err)
			requireReadable(t, err.Error())
		} else {
			requireReadable(t, append(preview.Effects, preview.Target)...)
		}
		result, err := a.Execute(t.Context(), req)
		require.Equal(rt, actuator.Refused, result.Outcome, "%v", err)
		require.True(rt, refusal(err), "not an error of the contract: %v", err)
		requireReadable(t, err.Error())
		_, _ = a.Probe(t.Context(), req)
		if spec.Reversible {
			result, err = a.Undo(t.Context(), req, actuator.Result{After: map[string]string{"x": "y"}})
			require.Equal(rt, actuator.Refused, result.Outcome, "%v", err)
		}
	})
	require.Equal(t, before, s.State(), "an arbitrary request changed something")
}

// attributes bends the real selectors or invents others.
func attributes(rt *rapid.T, s Subject) map[string]string {
	attrs := map[string]string{}
	for key, value := range s.Target.Attr {
		switch rapid.IntRange(0, 3).Draw(rt, "fate of "+key) {
		case 0:
		case 1:
			attrs[key] = value
		default:
			attrs[key] = rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()).Draw(rt, key)
		}
	}
	if rapid.Bool().Draw(rt, "foreign attribute") {
		attrs["foreign"] = rapid.SampledFrom(hostile).Draw(rt, "foreign")
	}
	return attrs
}

// parameters bends the declared parameters, or keeps what works.
func parameters(rt *rapid.T, spec actuator.Spec) actuator.Params {
	params := actuator.Params{}
	for _, p := range spec.Params {
		switch rapid.IntRange(0, 6).Draw(rt, "fate of "+p.Name) {
		case 0:
			params[p.Name] = rapid.SampledFrom(hostile).Draw(rt, p.Name)
		case 1:
			params[p.Name] = rapid.Float64().Draw(rt, p.Name)
		case 2:
			params[p.Name] = rapid.Int64().Draw(rt, p.Name)
		case 3:
			params[p.Name] = []any{map[string]any{"a": nil}}
		case 4:
			if len(p.Enum) > 0 {
				params[p.Name] = rapid.SampledFrom(p.Enum).Draw(rt, p.Name)
			}
		case 5:
			params[p.Name] = rapid.Bool().Draw(rt, p.Name)
		}
	}
	return params
}
