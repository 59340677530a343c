// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/homeostat/homeostat/internal/finding"
)

// Prefixes of the labels that hold resource and point attributes.
const (
	resourcePrefix  = "resource."
	attributePrefix = "attribute."
)

// labelNames are the other labels of a finding. rule and detector have as
// many values as voted.
var labelNames = []string{"fault", "rule", "severity", "metric", "kind", "direction", "detector"}

// knownLabel reports whether findings carry the label at all, so that a typo
// is an error and not a plan that never matches.
func knownLabel(name string) bool {
	return slices.Contains(labelNames, name) || len(name) > len(resourcePrefix) && strings.HasPrefix(name, resourcePrefix) ||
		len(name) > len(attributePrefix) && strings.HasPrefix(name, attributePrefix)
}

// values are the values of one label of a finding; nil where it has none.
func values(f finding.Finding, label string) []string {
	switch label {
	case "fault":
		return []string{f.Fault}
	case "rule":
		return f.Rules
	case "severity":
		return []string{string(f.Severity)}
	case "metric":
		return []string{f.Metric}
	case "kind":
		return []string{string(f.Kind)}
	case "direction":
		return []string{string(f.Direction)}
	case "detector":
		return f.Detectors
	}
	if name, ok := strings.CutPrefix(label, resourcePrefix); ok {
		return []string{f.Resource[name]}
	}
	if name, ok := strings.CutPrefix(label, attributePrefix); ok {
		return []string{f.Attributes[name]}
	}
	return nil
}

// matches reports whether one matcher accepts the finding. A label without a
// value is "", as in Alertmanager. Of a label with several values any may
// satisfy = and =~, and none may break != and !~.
func matches(m *labels.Matcher, f finding.Finding) bool {
	list := values(f, m.Name)
	if len(list) == 0 {
		list = []string{""}
	}
	negative := m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp
	for _, value := range list {
		if m.Matches(value) != negative {
			return !negative
		}
	}
	return negative
}

// Matches reports whether every matcher of the plan accepts the finding.
func (p Plan) Matches(f finding.Finding) bool {
	for _, m := range p.Match {
		if !matches(m, f) {
			return false
		}
	}
	return true
}

// Find returns the first plan that matches; plans are asked in the order in
// which they were written.
func Find(plans []Plan, f finding.Finding) (Plan, bool) {
	for _, p := range plans {
		if p.Matches(f) {
			return p, true
		}
	}
	return Plan{}, false
}
