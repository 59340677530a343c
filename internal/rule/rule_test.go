// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/finding"
)

// attrs are attributes in tests.
type attrs map[string]any

func (a attrs) Attribute(key string) any { return a[key] }

func newParser(tb testing.TB) Parser {
	tb.Helper()
	p, err := ottl.NewParser(Converters(), Path, component.TelemetrySettings{Logger: zap.NewNop()})
	require.NoError(tb, err)
	return p
}

// one compiles a single rule.
func one(tb testing.TB, spec Spec) *Rule {
	tb.Helper()
	set, err := Compile([]Spec{spec}, newParser(tb))
	require.NoError(tb, err)
	if spec.Absent != nil {
		return set.Absent()[0]
	}
	return set.Conditions()[0]
}

func diskSample(value float64) *Sample {
	return &Sample{
		Value: value, Field: "p99", MetricName: "system.filesystem.utilization", MetricUnit: "1", MetricType: "gauge",
		ScopeName: "fs", Attributes: attrs{"mode": "rw", "depth": int64(3), "share": 0.5, "boot": true},
		Resource: attrs{"host.name": "db1"},
	}
}

func TestConditionsSeeTheWholeSample(t *testing.T) {
	for condition, want := range map[string]bool{
		`value > 0.9`:                        true,
		`value > 1`:                          false,
		`value >= 0.95 and value < 0.96`:     true,
		`value * 100 > 94`:                   true,
		`field == "p99"`:                     true,
		`unit == "1" and metric.unit == "1"`: true,
		`metric.name == "system.filesystem.utilization"`:   true,
		`metric.type == "gauge"`:                           true,
		`scope.name == "fs"`:                               true,
		`attributes["mode"] == "rw"`:                       true,
		`datapoint.attributes["depth"] > 2`:                true,
		`attributes["share"] < 0.6`:                        true,
		`attributes["boot"]== true`:                        true,
		`attributes["missing"] == nil`:                     true,
		`resource.attributes["host.name"] == "db1"`:        true,
		`IsMatch(resource.attributes["host.name"], "^db")`: true,
		`not IsMatch(metric.name, "^system[.]")`:           false,
	} {
		r := one(t, Spec{Name: "r", Metric: "m", Condition: condition})
		breached, cleared, err := r.Judge(t.Context(), diskSample(0.95))
		require.NoError(t, err, condition)
		require.Equal(t, want, breached, condition)
		require.Equal(t, !want, cleared, "clear is not condition by default: %s", condition)
	}
}

func TestClearIsItsOwnCondition(t *testing.T) {
	r := one(t, Spec{Name: "r", Metric: "m", Condition: "value > 0.9", Clear: "value < 0.85"})
	for value, want := range map[float64][2]bool{0.95: {true, false}, 0.87: {false, false}, 0.8: {false, true}} {
		breached, cleared, err := r.Judge(t.Context(), diskSample(value))
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{breached, cleared}, "value %g", value)
	}
	both := one(t, Spec{Name: "r", Metric: "m", Condition: "value > 0.5", Clear: "value > 0.1"})
	breached, cleared, err := both.Judge(t.Context(), diskSample(0.9))
	require.NoError(t, err)
	require.True(t, breached)
	require.False(t, cleared, "a breached point is never clear")
}

func TestErrorAtRunTimeIsNotABreach(t *testing.T) {
	bad := `Substring(attributes["depth"], 0, 1) == "3"` // takes a text, gets an int
	r := one(t, Spec{Name: "odd", Metric: "m", Condition: bad})
	breached, cleared, err := r.Judge(t.Context(), diskSample(1))
	require.ErrorContains(t, err, `rule "odd": condition`)
	require.False(t, breached)
	require.True(t, cleared)

	r = one(t, Spec{Name: "odd", Metric: "m", Condition: "value > 2", Clear: bad})
	breached, cleared, err = r.Judge(t.Context(), diskSample(1))
	require.ErrorContains(t, err, `rule "odd": clear`)
	require.False(t, breached)
	require.True(t, cleared, "a rule whose clear is broken must not fire for ever")
}

func TestCompileErrorsNameRuleKeyTextAndRemedy(t *testing.T) {
	ok := Spec{Name: "r", Metric: "m", Condition: "value > 1"}
	absent := Spec{Name: "r", Absent: &AbsentSpec{Metric: "m"}, For: time.Second}
	with := func(s Spec, change func(*Spec)) []Spec {
		if s.Absent != nil {
			a := *s.Absent
			s.Absent = &a
		}
		change(&s)
		return []Spec{s}
	}
	for _, c := range []struct {
		specs []Spec
		want  string
	}{
		{with(ok, func(s *Spec) { s.Name = "" }), "rule 0: name must not be empty; findings, plans and logs refer to the rule by it"},
		{[]Spec{ok, ok}, `rule "r": name is taken by an earlier rule; give each rule its own`},
		{with(ok, func(s *Spec) { s.Metric = "" }), `rule "r": metric must not be empty; name the metric that the condition is about, or use absent`},
		{with(ok, func(s *Spec) { s.Condition = "" }), `rule "r": condition must not be empty; write for example: value > 0.9`},
		{with(ok, func(s *Spec) { s.Condition = "value >>> 0.9" }), `rule "r": condition "value >>> 0.9" is no OTTL condition: `},
		{with(ok, func(s *Spec) { s.Condition = "valu > 0.9" }), `no path "valu"; there are value, unit, field, metric.name, metric.unit, metric.type, scope.name, attributes["key"] and resource.attributes["key"]; write for example: value > 0.9`},
		{with(ok, func(s *Spec) { s.Condition = `attributes == "x"` }), `no path "attributes"`},
		{with(ok, func(s *Spec) { s.Condition = `value["x"] > 1` }), `no path "value[x]"`},
		{with(ok, func(s *Spec) { s.Condition = `resource["x"].attributes["y"] == 1` }), `no path`},
		{with(ok, func(s *Spec) { s.Condition = "set(value, 1)" }), `is no OTTL condition: `},
		{with(ok, func(s *Spec) { s.Clear = "value <" }), `rule "r": clear "value <" is no OTTL condition: `},
		{with(ok, func(s *Spec) { s.For = -time.Second }), `rule "r": for must not be negative (got -1s)`},
		{with(ok, func(s *Spec) { s.KeepFiringFor = -time.Second }), `rule "r": keep_firing_for must not be negative (got -1s)`},
		{with(ok, func(s *Spec) { s.Severity = "fatal" }), `rule "r": severity must be info, warning or critical (got "fatal")`},
		{with(ok, func(s *Spec) { s.Direction = "sideways" }), `rule "r": direction must be up or down, or left out (got "sideways")`},
		{with(absent, func(s *Spec) { s.Metric = "m" }), `rule "r": metric "m" has no effect beside absent; write it as absent.metric`},
		{with(absent, func(s *Spec) { s.Condition = "value > 1" }), `rule "r": condition "value > 1" has no effect beside absent`},
		{with(absent, func(s *Spec) { s.Clear = "value > 1" }), `rule "r": clear "value > 1" has no effect beside absent`},
		{with(absent, func(s *Spec) { s.Direction = "up" }), `rule "r": direction "up" has no effect beside absent`},
		{with(absent, func(s *Spec) { s.Absent.Metric = "" }), `rule "r": absent.metric must not be empty; name the metric that must be reported`},
		{with(absent, func(s *Spec) { s.Absent.Metric = "process.*" }), `rule "r": absent.metric must be a name without * or ? (got "process.*")`},
		{with(absent, func(s *Spec) { s.For = 0 }), `rule "r": for must be positive beside absent (got 0s); say how long the series may be missing, for example 15s`},
		{with(absent, func(s *Spec) { s.Absent.Attributes = map[string]Pattern{"a": ""} }), `rule "r": absent.attributes must map a name to a text or glob (got "a": "")`},
		{make([]Spec, MaxRules+1), "rules must be at most 1000 (got 1001); merge some with a glob in metric"},
	} {
		_, err := Compile(c.specs, newParser(t))
		require.ErrorContains(t, err, c.want)
	}
	_, err := Compile([]Spec{ok, absent, {}}, newParser(t))
	require.ErrorContains(t, err, "taken")
	require.ErrorContains(t, err, "rule 2: name", "every fault is told at once")
}

func TestSetFindsRulesByMetric(t *testing.T) {
	set, err := Compile([]Spec{
		{Name: "glob", Metric: "system.*.utilization", Condition: "value > 1"},
		{Name: "exact", Metric: "system.cpu.utilization", Condition: "value > 1", Severity: finding.Critical},
		{Name: "also", Metric: "system.cpu.utilization", Condition: "value > 2"},
		{Name: "gone", Absent: &AbsentSpec{Metric: "process.cpu.time"}, For: time.Second},
	}, newParser(t))
	require.NoError(t, err)
	names := func(rules []*Rule) (out []string) {
		for _, r := range rules {
			out = append(out, r.Name)
		}
		return out
	}
	require.Equal(t, []string{"exact", "also", "glob"}, names(set.For("system.cpu.utilization")))
	require.Equal(t, []string{"exact", "also", "glob"}, names(set.For("system.cpu.utilization")), "asking changes nothing")
	require.Equal(t, []string{"glob"}, names(set.For("system.memory.utilization")))
	require.Empty(t, set.For("process.cpu.time"))
	require.Equal(t, []string{"gone"}, names(set.Absences("process.cpu.time")))
	require.Empty(t, set.Absences("system.cpu.time"))
	require.Equal(t, []string{"glob", "exact", "also", "gone"}, set.Names())
	require.Equal(t, "also", set.Named("also").Name)
	require.Equal(t, "gone", set.Named("gone").Name)
	require.Nil(t, set.Named("nobody"))
	require.Equal(t, finding.Critical, set.Conditions()[1].Severity)
	require.Equal(t, finding.Warning, set.Conditions()[0].Severity, "the default")
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern Pattern
		text    string
		want    bool
	}{
		{"system.cpu.time", "system.cpu.time", true},
		{"system.cpu.time", "system.cpu.times", false},
		{"*", "", true},
		{"*", "a.b/c", true},
		{"system.*", "system.cpu.time", true},
		{"system.*", "process.cpu.time", false},
		{"*.utilization", "system.cpu.utilization", true},
		{"*.utilization", "system.cpu.utilization.x", false},
		{"a*b*c", "aXbbXc", true},
		{"a*b*c", "aXbbX", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"**", "x", true},
		{"", "", true},
		{"", "x", false},
	} {
		require.Equal(t, c.want, c.pattern.Matches(c.text), "%s on %s", c.pattern, c.text)
	}
	require.True(t, Pattern("a.b").Exact())
	require.False(t, Pattern("a.*").Exact())
	require.False(t, Pattern("a?b").Exact())
	require.True(t, AnyMatches([]Pattern{"a", "b*"}, "bc"))
	require.False(t, AnyMatches(nil, "bc"))
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("***", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern)*len(text) > 1<<16 {
			return
		}
		got := Pattern(pattern).Matches(text)
		require.Equal(t, naive(pattern, text, map[[2]int]bool{}), got)
	})
}

// naive is the textbook definition, memoised by what remains of both.
func naive(p, s string, failed map[[2]int]bool) bool {
	at := [2]int{len(p), len(s)}
	if failed[at] {
		return false
	}
	ok := false
	switch {
	case p == "":
		ok = s == ""
	case p[0] == '*':
		ok = naive(p[1:], s, failed) || (s != "" && naive(p, s[1:], failed))
	case s != "" && (p[0] == '?' || p[0] == s[0]):
		ok = naive(p[1:], s[1:], failed)
	}
	if !ok {
		failed[at] = true
	}
	return ok
}

// FuzzCondition: whatever a user writes as a condition, compiling it and
// judging a point by it does not panic.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		`value > 0.9`, `attributes["a"] == nil and not (value < 1 or unit == "1")`, `IsMatch(metric.name, "[")`,
		`resource.attributes["x"]["y"] == 1`, `value / 0 > 1`, `Substring(field, 1, 99) == ""`, `true`, `"`, `metric.`,
	} {
		f.Add(seed)
	}
	parser := newParser(f)
	f.Fuzz(func(t *testing.T, condition string) {
		set, err := Compile([]Spec{{Name: "r", Metric: "m", Condition: condition}}, parser)
		if err != nil {
			require.ErrorContains(t, err, `rule "r": condition`)
			return
		}
		breached, _, err := set.Conditions()[0].Judge(t.Context(), diskSample(1))
		require.False(t, err != nil && breached, "an error is no breach")
	})
}

func BenchmarkJudge(b *testing.B) {
	for _, condition := range []string{`value > 0.9`, `attributes["mode"] == "rw" and value > 0.9`} {
		b.Run(condition, func(b *testing.B) {
			r, s := one(b, Spec{Name: "r", Metric: "m", Condition: condition}), diskSample(0.5)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = r.Judge(b.Context(), s)
			}
		})
	}
}
