// SPDX-License-Identifier: Apache-2.0

package actuatortest

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

// longest is how long any verb may take: beyond it an engine cannot tell an
// action from a hang.
const longest = 15 * time.Minute

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func checkSpecs(t *testing.T, h Harness) {
	specs := h.New(t).Specs()
	require.NotEmpty(t, specs)
	require.Equal(t, specs, h.New(t).Specs(), "the verbs must be the same for each instance")

	covered := map[string]bool{}
	for _, c := range h.Cases {
		covered[c.Verb] = true
	}
	seen := map[string]bool{}
	for _, spec := range specs {
		checkSpec(t, h.Prefix, spec)
		require.False(t, seen[spec.Verb], "%s is declared twice", spec.Verb)
		require.True(t, covered[spec.Verb], "%s has no case in the harness", spec.Verb)
		seen[spec.Verb] = true
	}
}

func checkSpec(t *testing.T, prefix string, spec actuator.Spec) {
	t.Helper()
	kind, name, _ := strings.Cut(spec.Verb, ".")
	require.Equal(t, prefix, kind, "%s must begin with the kind of the actuator", spec.Verb)
	require.Regexp(t, snakeCase, name, "the name of %s", spec.Verb)
	require.NotEmpty(t, spec.Summary, "%s needs a summary", spec.Verb)
	require.NotEmpty(t, spec.TargetKind, "%s needs a target kind", spec.Verb)
	require.GreaterOrEqual(t, spec.Impact, actuator.Host, "%s has no such impact", spec.Verb)
	require.LessOrEqual(t, spec.Impact, actuator.Observe, "%s has no such impact", spec.Verb)
	require.GreaterOrEqual(t, spec.Replay, actuator.Never, "%s has no such replay class", spec.Verb)
	require.LessOrEqual(t, spec.Replay, actuator.Idempotent, "%s has no such replay class", spec.Verb)
	require.LessOrEqual(t, spec.MaxDuration, longest, "%s may take too long", spec.Verb)
	require.GreaterOrEqual(t, spec.MaxDuration, time.Duration(0), "%s", spec.Verb)
	if spec.Impact == actuator.Adjust {
		require.True(t, spec.Reversible, "%s adjusts, so it must be reversible", spec.Verb)
	}
	seen := map[string]bool{}
	raw := map[string]any{}
	for _, p := range spec.Params {
		require.Regexp(t, snakeCase, p.Name, "a parameter of %s", spec.Verb)
		require.False(t, seen[p.Name], "%s declares %s twice", spec.Verb, p.Name)
		seen[p.Name] = true
		require.NotEmpty(t, p.Summary, "%s: %s needs a summary", spec.Verb, p.Name)
		require.NotEqual(t, "invalid", p.Type.String(), "%s: %s has no such type", spec.Verb, p.Name)
		require.False(t, p.Required && p.Default != nil, "%s: %s is required and has a default", spec.Verb, p.Name)
		switch p.Type {
		case actuator.Int, actuator.Float, actuator.Duration:
			require.Less(t, p.Min, p.Max, "%s: %s must be bounded", spec.Verb, p.Name)
		case actuator.String:
			require.True(t, len(p.Enum) > 0 || p.Max > 0, "%s: %s must be one of a list or have a length", spec.Verb, p.Name)
		case actuator.Bool:
		}
		if p.Default != nil {
			raw[p.Name] = p.Default
		}
	}
	for name, value := range raw {
		one := actuator.Spec{Verb: spec.Verb}
		for _, p := range spec.Params {
			if p.Name == name {
				one.Params = []actuator.Param{p}
			}
		}
		got, err := one.Resolve(map[string]any{name: value})
		require.NoError(t, err, "%s: the default of %s is not allowed", spec.Verb, name)
		require.Equal(t, value, got[name], "%s: the default of %s has another type than Resolve returns", spec.Verb, name)
	}
}
