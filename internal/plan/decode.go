// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
	"go.yaml.in/yaml/v3"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/incident"
)

// Bounds of what is decoded, so that a hostile file costs little.
const (
	maxFile  = 1 << 20
	maxPlans = 1000
	maxSteps = 16
)

const fromEvidence = "evidence"

// idPattern is what ids look like: they become attributes of telemetry.
var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Parse reads a plan file: a mapping with the one key plans. name stands in
// errors.
func Parse(name string, data []byte) ([]Plan, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is %d bytes long: a plan file has at most %d", name, len(data), maxFile)
	}
	var root any
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var errs []error
	n := newNode(name, root, &errs)
	list := n.list("plans")
	n.done()
	if len(errs) == 0 && len(list) == 0 {
		n.fail("plans", "must list at least one plan")
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return Decode(name+"::plans", list)
}

// Decode reads a list of plans as YAML or a Collector configuration yields
// it. path stands in errors, which name every mistake at once.
func Decode(path string, list []any) ([]Plan, error) {
	if len(list) > maxPlans {
		return nil, fmt.Errorf("%s has %d entries: at most %d are allowed", path, len(list), maxPlans)
	}
	var errs []error
	plans := make([]Plan, 0, len(list))
	for i, value := range list {
		n := newNode(fmt.Sprintf("%s[%d]", path, i), value, &errs)
		plans = append(plans, decodePlan(n))
		n.done()
	}
	return plans, errors.Join(append(errs, Unique(path, plans))...)
}

// Unique reports ids that more than one plan has.
func Unique(path string, plans []Plan) error {
	seen := map[string]bool{}
	for _, p := range plans {
		if p.ID != "" && seen[p.ID] {
			return fmt.Errorf("%s: id %q is used twice: an incident must name one plan", path, p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

func decodePlan(n *node) Plan {
	p := Plan{ID: n.id("id")}
	p.Match = decodeMatch(n)
	if t := n.child("target"); t != nil {
		p.Target = decodeTarget(t)
		t.done()
	} else {
		n.fail("target", "is missing: say whom the plan acts on, such as {kind: process, from: evidence}")
	}
	p.Confirm = Confirm{K: 1, N: 1}
	if c := n.child("confirm"); c != nil {
		p.Confirm = decodeConfirm(c)
		c.done()
	}
	if text := n.text("mode"); text != "" {
		mode, err := ParseMode(text)
		if err != nil {
			n.fail("mode", "%v", err)
		}
		p.Mode = mode
	}
	p.Steps = decodeSteps(n)
	return p
}

func (n *node) id(key string) string {
	id := n.text(key)
	if !idPattern.MatchString(id) {
		n.fail(key, "must be 1 to 64 lower-case letters, digits, dots, dashes or underscores (got %s)", short(id))
	}
	return id
}

func decodeMatch(n *node) labels.Matchers {
	var all labels.Matchers
	list := n.list("match")
	for i, value := range list {
		text, ok := value.(string)
		if !ok {
			n.fail("match", "[%d] must be a matcher such as fault=\"disk_full\" (got %s)", i, short(value))
			continue
		}
		matchers, err := parseMatchers(text)
		if err != nil {
			n.fail("match", "[%d] %s is no matcher: %v", i, short(text), err)
			continue
		}
		for _, m := range matchers {
			if !knownLabel(m.Name) {
				n.fail("match", "[%d] label %q does not exist (known are: %s, %s<name>, %s<name>)", i, clean(m.Name), strings.Join(labelNames, ", "), resourcePrefix, attributePrefix)
			}
		}
		all = append(all, matchers...)
	}
	if len(list) == 0 {
		n.fail("match", "is missing: a plan must say which findings it answers, such as [fault=\"disk_full\"]")
	}
	return all
}

// parseMatchers accepts what Alertmanager accepts. Its parser prints to
// standard error when it panics, so that what could make it is kept away.
func parseMatchers(text string) (labels.Matchers, error) {
	if len(text) > 1024 {
		return nil, errors.New("it is longer than 1024 bytes")
	}
	matchers, err := parse.Matchers(text)
	if err == nil && len(matchers) == 0 {
		err = errors.New("it is empty")
	}
	return matchers, err
}

func decodeTarget(n *node) TargetSpec {
	t := TargetSpec{
		Kind: n.text("kind"), From: n.text("from"), Top: n.text("top"),
		Name: n.text("name"), Unit: n.text("unit"), Mountpoint: n.text("mountpoint"),
		MinShare: n.number("min_share", 0, 0, 1),
	}
	if t.Kind == "" {
		n.fail("kind", "is missing: say what the target is, such as process")
	}
	given := 0
	for _, s := range []string{t.From, t.Top, t.Name, t.Unit, t.Mountpoint} {
		if s != "" {
			given++
		}
		if len(s) > maxName {
			n.fail("", "names a target with more than %d bytes", maxName)
		}
	}
	want := targetForms(t.Kind)
	switch {
	case t.Kind == actuator.KindHost && given > 0:
		n.fail("", "of kind host takes no other key: it is this host")
	case t.Kind != actuator.KindHost && given != 1:
		n.fail("", "of kind %s must have exactly one of: %s (got %d)", clean(t.Kind), strings.Join(want, ", "), given)
	}
	for key, set := range map[string]bool{"from": t.From != "", "top": t.Top != "", "name": t.Name != "", "unit": t.Unit != "", "mountpoint": t.Mountpoint != ""} {
		if set && t.Kind != actuator.KindHost && !slices.Contains(want, key) {
			n.fail(key, "does not apply to kind %s (it takes: %s)", clean(t.Kind), strings.Join(want, ", "))
		}
	}
	if t.From != "" && t.From != fromEvidence {
		n.fail("from", "must be evidence (got %s)", short(t.From))
	}
	if tops := []string{"", "cpu", "memory", "io"}; !slices.Contains(tops, t.Top) {
		n.fail("top", "must be cpu, memory or io (got %s)", short(t.Top))
	}
	switch {
	case n.has("min_share") && t.Top == "":
		n.fail("min_share", "has no effect without top")
	case t.Top != "" && t.MinShare == 0:
		n.fail("min_share", "must be above 0 with top: the target must itself be part of the symptom")
	}
	if t.Mountpoint != "" && !strings.HasPrefix(t.Mountpoint, "/") {
		n.fail("mountpoint", "must be an absolute path (got %s)", short(t.Mountpoint))
	}
	return t
}

// targetForms are the keys by which a target of a kind may be named.
func targetForms(kind string) []string {
	switch kind {
	case actuator.KindProcess:
		return []string{"from", "top"}
	case actuator.KindUnit:
		return []string{"unit"}
	case actuator.KindFilesystem:
		return []string{"from", "mountpoint"}
	default:
		return []string{"name"}
	}
}

var confirmPattern = regexp.MustCompile(`^(\d{1,2}) of (\d{1,2})$`)

func decodeConfirm(n *node) Confirm {
	c := Confirm{K: 1, N: 1, For: n.span("for", 0)}
	text := n.text("points")
	if text == "" {
		return c
	}
	if m := confirmPattern.FindStringSubmatch(text); m != nil {
		c.K, _ = strconv.Atoi(m[1]) // the pattern admits digits alone
		c.N, _ = strconv.Atoi(m[2])
	}
	if c.K < 1 || c.K > c.N || c.N > 64 || !confirmPattern.MatchString(text) {
		n.fail("points", "must be \"k of n\" with 1 <= k <= n <= 64, such as 3 of 5 (got %s)", short(text))
		return Confirm{K: 1, N: 1, For: c.For}
	}
	return c
}

func decodeSteps(n *node) []Step {
	list := n.list("steps")
	if len(list) == 0 || len(list) > maxSteps {
		n.fail("steps", "must list 1 to %d steps (got %d)", maxSteps, len(list))
		return nil
	}
	steps := make([]Step, 0, len(list))
	seen := map[string]bool{}
	for i, value := range list {
		child := newNode(fmt.Sprintf("%s::steps[%d]", n.path, i), value, n.errs)
		s := decodeStep(child)
		child.done()
		if seen[s.ID] && s.ID != "" {
			child.fail("id", "%q is used twice in this plan", s.ID)
		}
		seen[s.ID] = true
		if s.Escalates() && i != len(list)-1 {
			child.fail("action", "%s must be the last step: nothing is done after a person has it", Escalate)
		}
		steps = append(steps, s)
	}
	return steps
}

func decodeStep(n *node) Step {
	s := Step{
		ID: n.id("id"), Action: n.text("action"), Attempts: n.whole("attempts", 0, 1, 10),
		Settle: n.span("settle", -1), Reason: n.text("reason"),
	}
	if s.Action == "" {
		n.fail("action", "is missing: name a verb such as systemd.restart, or %s", Escalate)
	}
	if value := n.take("params"); value != nil {
		params, ok := value.(map[string]any)
		if !ok {
			n.fail("params", "must be a mapping (got %s)", short(value))
		}
		s.Params = params
	}
	if b := n.child("backoff"); b != nil {
		s.Backoff = incident.Backoff{
			Initial: b.span("initial", defaultBackoff.Initial),
			Factor:  b.number("factor", defaultBackoff.Factor, 1, 100),
			Max:     b.span("max", defaultBackoff.Max),
		}
		if s.Backoff.Max < s.Backoff.Initial {
			b.fail("max", "must be at least initial, %s (got %s)", s.Backoff.Initial, s.Backoff.Max)
		}
		b.done()
	}
	if v := n.child("verify"); v != nil {
		s.Verify = decodeVerify(v)
		v.done()
	}
	return s
}

var defaultBackoff = incident.Backoff{Initial: 30 * time.Second, Factor: 4, Max: 10 * time.Minute}

func decodeVerify(n *node) *Verify {
	v := &Verify{Clear: n.truth("clear"), Gone: n.truth("gone"), Hold: n.span("hold", -1), Deadline: n.span("deadline", -1)}
	if p := n.child("probe"); p != nil {
		v.TCP = p.text("tcp")
		host, port, err := net.SplitHostPort(v.TCP)
		if number, errPort := strconv.ParseUint(port, 10, 16); err != nil || host == "" || errPort != nil || number == 0 {
			p.fail("tcp", "must be host:port (got %s)", short(v.TCP))
		}
		p.done()
	}
	if !v.Clear && !v.Gone && v.TCP == "" {
		n.fail("", "must ask for something: clear: true, gone: true or probe")
	}
	return v
}
