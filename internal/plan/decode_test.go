// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/incident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const serviceDown = `
plans:
  - id: service-down
    match: [fault="service_down", 'rule=~"nginx-.*",resource.host.name!="db1"']
    target: {kind: systemd_unit, unit: nginx.service}
    confirm: {points: 3 of 5, for: 60s}
    mode: auto
    steps:
      - {id: look, action: systemd.explain, params: {journal_lines: 200}}
      - id: start
        action: systemd.start
        attempts: 2
        backoff: {initial: 20s, factor: 2, max: 10m}
        settle: 20s
        verify: {clear: true, gone: true, probe: {tcp: "127.0.0.1:80"}, hold: 3m, deadline: 6m}
      - {id: page, action: notify.escalate}
`

func TestDecode(t *testing.T) {
	plans, err := Parse("p.yaml", []byte(serviceDown))
	require.NoError(t, err)
	require.Len(t, plans, 1)
	p := plans[0]
	require.Len(t, p.Match, 3)
	require.Equal(t, Confirm{K: 3, N: 5, For: time.Minute}, p.Confirm)
	require.Equal(t, Auto, p.Mode)
	require.Equal(t, TargetSpec{Kind: "systemd_unit", Unit: "nginx.service"}, p.Target)
	require.Equal(t, incident.Backoff{Initial: 20 * time.Second, Factor: 2, Max: 10 * time.Minute}, p.Steps[1].Backoff)
	require.Equal(t, &Verify{Clear: true, Gone: true, TCP: "127.0.0.1:80", Hold: 3 * time.Minute, Deadline: 6 * time.Minute}, p.Steps[1].Verify)
	require.True(t, p.Steps[2].Escalates())
}

func TestTheStrictestIsTheDefault(t *testing.T) {
	plans, err := Parse("p.yaml", []byte(`plans: [{id: a, match: ['fault="x"'], target: {kind: host}, steps: [{id: b, action: notify.escalate}]}]`))
	require.NoError(t, err)
	require.Equal(t, Observe, plans[0].Mode)
	require.Equal(t, Confirm{K: 1, N: 1}, plans[0].Confirm)
}

func TestMistakesNameKeyValueAndRemedy(t *testing.T) {
	const good = `id: a, match: ['fault="x"'], target: {kind: process, from: evidence}`
	const steps = `steps: [{id: s, action: x.do}]`
	step := func(text string) string {
		return fmt.Sprintf("plans: [{%s, steps: [{id: s, action: x.do, %s}]}]", good, text)
	}
	with := func(text string) string { return fmt.Sprintf("plans: [{%s, %s, %s}]", good, steps, text) }
	target := func(text string) string {
		return fmt.Sprintf(`plans: [{id: a, match: ['fault="x"'], target: %s, %s}]`, text, steps)
	}
	for text, want := range map[string]string{
		"":                                         "p.yaml must be a mapping (got nothing)",
		"[]":                                       "p.yaml must be a mapping",
		"plans: []":                                "p.yaml::plans must list at least one plan",
		"plans: 7":                                 "p.yaml::plans must be a list (got 7)",
		"plan: []":                                 "p.yaml::plan is not a key here (known are: plans)",
		"plans: [7]":                               "p.yaml::plans[0] must be a mapping (got 7)",
		": [":                                      "p.yaml: yaml",
		with("modus: auto"):                        "p.yaml::plans[0]::modus is not a key here (known are: id, match, target, confirm, mode, steps)",
		with("mode: yolo"):                         `plans[0]::mode must be observe, approve or auto (got "yolo")`,
		with("mode: 7"):                            "plans[0]::mode must be text (got 7): put it in quotes",
		with("confirm: {points: 5}"):               "confirm::points must be text (got 5)",
		with("confirm: {points: 5 of 3}"):          `confirm::points must be "k of n" with 1 <= k <= n <= 64, such as 3 of 5 (got "5 of 3")`,
		with("confirm: {points: 1 of 65}"):         "confirm::points must be",
		with("confirm: {for: soon}"):               `confirm::for must be a duration between 0s and 168h0m0s, such as 30s (got "soon")`,
		with("confirm: {for: -1s}"):                "confirm::for must be a duration",
		"plans: [{" + steps + "}]":                 "plans[0]::id must be 1 to 64 lower-case letters, digits, dots, dashes or underscores (got \"\")",
		"plans: [{id: A}]":                         "plans[0]::steps must list 1 to 16 steps (got 0)",
		"plans: [{id: a}]":                         "plans[0]::target is missing: say whom the plan acts on",
		"plans: [{id: a, match: []}]":              "plans[0]::match is missing",
		"plans: [{id: a, match: [7]}]":             "plans[0]::match [0] must be a matcher",
		`plans: [{id: a, match: ['fault']}]`:       `match [0] "fault" is no matcher`,
		`plans: [{id: a, match: ['']}]`:            `match [0] "" is no matcher: it is empty`,
		`plans: [{id: a, match: ['falt="x"']}]`:    `match [0] label "falt" does not exist (known are: fault, rule,`,
		`plans: [{id: a, match: ['fault=~"("']}]`:  "is no matcher",
		`plans: [{id: a, match: ['resource.=a']}]`: `label "resource." does not exist`,
		target("{}"):                               "target::kind is missing",
		target("{kind: process}"):                  "target of kind process must have exactly one of: from, top (got 0)",
		target("{kind: process, from: evidence, top: cpu, min_share: 0.5}"):                                 "exactly one of: from, top (got 2)",
		target("{kind: process, name: nginx}"):                                                              "target::name does not apply to kind process (it takes: from, top)",
		target("{kind: process, from: thin air}"):                                                           `target::from must be evidence (got "thin air")`,
		target("{kind: process, top: ram, min_share: 0.5}"):                                                 "target::top must be cpu, memory or io",
		target("{kind: process, top: cpu}"):                                                                 "target::min_share must be above 0 with top",
		target("{kind: process, top: cpu, min_share: 2}"):                                                   "target::min_share must be a number between 0 and 1 (got 2)",
		target("{kind: process, from: evidence, min_share: 0.5}"):                                           "target::min_share has no effect without top",
		target("{kind: filesystem, mountpoint: var}"):                                                       "target::mountpoint must be an absolute path",
		target("{kind: host, name: x}"):                                                                     "of kind host takes no other key",
		target("{kind: service, unit: x}"):                                                                  "target::unit does not apply to kind service (it takes: name)",
		fmt.Sprintf("plans: [{%s, steps: [{id: s}]}]", good):                                                "steps[0]::action is missing",
		fmt.Sprintf("plans: [{%s, steps: 1}]", good):                                                        "plans[0]::steps must be a list (got 1)",
		fmt.Sprintf("plans: [{%s, steps: [{id: s, action: a.b}, {id: s, action: a.b}]}]", good):             `steps[1]::id "s" is used twice in this plan`,
		fmt.Sprintf("plans: [{%s, steps: [{id: s, action: notify.escalate}, {id: t, action: a.b}]}]", good): "steps[0]::action notify.escalate must be the last step",
		step("attempts: 0"):                       "steps[0]::attempts must be a number between 1 and 10 (got 0)",
		step("attempts: 1.5"):                     "steps[0]::attempts must be a whole number (got 1.5)",
		step("params: 7"):                         "steps[0]::params must be a mapping (got 7)",
		step("settle: 20"):                        "steps[0]::settle must be a duration",
		step("reason: 7"):                         "steps[0]::reason must be text",
		step("retries: 3"):                        "steps[0]::retries is not a key here",
		step("backoff: {factor: 0}"):              "backoff::factor must be a number between 1 and 100 (got 0)",
		step("backoff: {initial: 2h}"):            "backoff::max must be at least initial, 2h0m0s (got 10m0s)",
		step("backoff: {min: 1s}"):                "backoff::min is not a key here",
		step("verify: {}"):                        "verify must ask for something",
		step("verify: {clear: maybe}"):            `verify::clear must be true or false (got "maybe")`,
		step("verify: {clear: true, hold: x}"):    "verify::hold must be a duration",
		step("verify: {probe: {tcp: localhost}}"): `verify::probe::tcp must be host:port (got "localhost")`,
		step("verify: {probe: {tcp: 'h:0'}}"):     "verify::probe::tcp must be host:port",
		step("verify: {probe: {http: x}}"):        "verify::probe::http is not a key here (known are: tcp)",
		fmt.Sprintf("plans: [{%s, %s}, {%s, %s}]", good, steps, good, steps): `p.yaml::plans: id "a" is used twice`,
	} {
		_, err := Parse("p.yaml", []byte(text))
		require.ErrorContains(t, err, want, "%s", text)
	}
	_, err := Parse("p.yaml", make([]byte, maxFile+1))
	require.ErrorContains(t, err, "a plan file has at most 1048576")
	_, err = Decode("plans", make([]any, maxPlans+1))
	require.ErrorContains(t, err, "at most 1000 are allowed")
}

var verbs = map[string]actuator.Spec{
	"x.look":    {Verb: "x.look", TargetKind: "service", Impact: actuator.Observe},
	"x.tune":    {Verb: "x.tune", TargetKind: "service", Impact: actuator.Adjust, Params: []actuator.Param{{Name: "nice", Type: actuator.Int, Default: int64(5), Max: 19}}},
	"x.restart": {Verb: "x.restart", TargetKind: "service", Impact: actuator.Restart},
	"x.kill":    {Verb: "x.kill", TargetKind: "service", Impact: actuator.Destroy},
	"x.reboot":  {Verb: "x.reboot", TargetKind: "service", Impact: actuator.Host},
	"y.clean":   {Verb: "y.clean", TargetKind: "filesystem", Impact: actuator.Destroy},
}

func bound(t *testing.T, mode, steps string) ([]Plan, error) {
	t.Helper()
	plans, err := Parse("p", fmt.Appendf(nil, "plans: [{id: a, mode: %s, match: ['fault=\"x\"'], target: {kind: service, name: web}, steps: [%s]}]", mode, steps))
	require.NoError(t, err)
	return Bind(plans, verbs)
}

func TestBindCompletesByImpact(t *testing.T) {
	plans, err := bound(t, "approve", `{id: a, action: x.look}, {id: b, action: x.tune, verify: {clear: true}}, {id: c, action: x.restart, verify: {clear: true}}, {id: d, action: x.kill, verify: {clear: true}}, {id: e, action: x.reboot, verify: {clear: true}}, {id: f, action: notify.escalate}`)
	require.NoError(t, err)
	steps := plans[0].Steps
	require.Equal(t, int64(5), steps[1].Params["nice"])
	for i, want := range []struct {
		attempts               int
		settle, hold, deadline time.Duration
	}{
		{2, 30 * time.Second, 2 * time.Minute, 5 * time.Minute},
		{2, time.Minute, 5 * time.Minute, 10 * time.Minute},
		{1, 30 * time.Second, 5 * time.Minute, 10 * time.Minute},
		{1, 10 * time.Minute, 10 * time.Minute, 30 * time.Minute},
	} {
		s := steps[i+1]
		require.Equal(t, want.attempts, s.Attempts, s.ID)
		require.Equal(t, want.settle, s.Settle, s.ID)
		require.Equal(t, want.hold, s.Verify.Hold, s.ID)
		require.Equal(t, want.deadline, s.Verify.Deadline, s.ID)
	}
	require.Equal(t, 30*time.Second, steps[1].MaxDuration(), "what is undeclared has 30 s")
	require.Len(t, plans[0].Bounds(3).Steps, 6)
}

func TestLint(t *testing.T) {
	const ok = "verify: {clear: true}"
	for _, c := range []struct{ mode, steps, want string }{
		{"auto", "{id: s, action: z.do}", `plan "a": step "s": action: unknown verb "z.do" (known are: x.kill, x.look, x.reboot, x.restart, x.tune, y.clean)`},
		{"auto", "{id: s, action: y.clean, " + ok + "}", "y.clean takes a target of kind filesystem, the plan's target is a service"},
		{"auto", "{id: s, action: x.tune, params: {nice: 20}, " + ok + "}", "nice: 20 is out of range"},
		{"auto", "{id: s, action: x.tune, params: {niceness: 1}, " + ok + "}", `x.tune has no parameter "niceness"`},
		{"auto", "{id: s, action: x.restart}", "verify is missing: x.restart changes something (restart)"},
		{"auto", "{id: s, action: x.kill, " + ok + "}", "reason is missing: x.kill destroys something"},
		{"auto", "{id: s, action: x.kill, reason: '  ', " + ok + "}", "reason is missing"},
		{"auto", "{id: s, action: x.reboot, reason: why not, " + ok + "}", "x.reboot takes the whole host and must not run unasked"},
		{"approve", "{id: s, action: x.reboot, attempts: 2, " + ok + "}", "attempts must be 1 for x.reboot"},
		{"auto", "{id: s, action: x.restart, " + ok + "}, {id: t, action: x.tune, " + ok + "}", `step "t": x.tune (adjust) is lighter than a step before it (restart): order steps from light to heavy`},
		{"auto", "{id: s, action: x.tune, " + ok + "}, {id: t, action: x.look}", "x.look (observe) is lighter than a step before it (adjust)"},
		{"auto", "{id: s, action: x.restart, settle: 1m, verify: {clear: true, hold: 1m, deadline: 90s}}", "verify::deadline must be at least settle + hold, 2m0s (got 1m30s)"},
		{"auto", "{id: s, action: x.restart, attempts: 1, backoff: {initial: 1s}, " + ok + "}", "backoff has no effect with one attempt"},
		{"auto", "{id: s, action: x.look, " + ok + "}", "x.look changes nothing: attempts, backoff, settle, verify and reason have no effect"},
		{"auto", "{id: s, action: x.look, attempts: 2}", "x.look changes nothing"},
		{"auto", "{id: s, action: notify.escalate, settle: 1s}", "notify.escalate changes nothing"},
		{"auto", "{id: s, action: notify.escalate, params: {a: 1}}", "notify.escalate takes none"},
	} {
		_, err := bound(t, c.mode, c.steps)
		require.ErrorContains(t, err, c.want)
	}
	_, err := Bind([]Plan{{ID: "a", Steps: []Step{{ID: "s", Action: "x.do"}}}}, nil)
	require.ErrorContains(t, err, "known are: none, because actuators is empty")
}

func TestDigestNamesEverythingThatAPlanDoes(t *testing.T) {
	digest := func(steps string) string {
		plans, err := bound(t, "auto", steps)
		require.NoError(t, err)
		return plans[0].Digest()
	}
	base := digest("{id: s, action: x.tune, verify: {clear: true}}")
	require.Equal(t, base, digest("{id: s, action: x.tune, params: {nice: 5}, verify: {clear: true}}"), "a default is what it stands for")
	for _, other := range []string{
		"{id: s, action: x.tune, params: {nice: 6}, verify: {clear: true}}", "{id: s, action: x.tune, attempts: 1, verify: {clear: true}}",
		"{id: s, action: x.tune, settle: 1s, verify: {clear: true}}", "{id: s, action: x.tune, verify: {gone: true}}", "{id: t, action: x.tune, verify: {clear: true}}",
	} {
		require.NotEqual(t, base, digest(other))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(serviceDown))
	f.Add([]byte("plans: [{id: a, match: ['fault=\"x\"'], target: {kind: process, top: cpu, min_share: 0.5}, steps: [{id: s, action: x.do}]}]"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("plans:\n- id: \"\\x00\"\n  match: ['\\u202e=~\"((((\"']"))
	f.Fuzz(func(t *testing.T, data []byte) {
		plans, err := Parse("f", data)
		if err != nil {
			require.Less(t, len(err.Error()), 4*len(data)*100+4096, "errors repeat a bounded part of the input")
			return
		}
		for _, p := range plans {
			require.Regexp(t, idPattern, p.ID)
			require.NotEmpty(t, p.Match)
			require.NotEmpty(t, p.Steps)
			require.LessOrEqual(t, p.Mode, Auto)
			require.NotContains(t, p.Digest(), " ")
			_, _ = Bind([]Plan{p}, verbs)
		}
	})
}
