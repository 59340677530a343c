// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

// point keeps of a finding what an incident needs. Text from telemetry is
// bounded and made safe to show.
func point(f finding.Finding) incident.Point {
	p := incident.Point{
		Series: f.Series, Anomaly: actuator.Clean(f.ID, maxText), State: f.State, Kind: f.Kind,
		Metric: actuator.Clean(f.Metric, maxText), Severity: f.Severity,
		Score: incident.Number(f.Score), Value: incident.Number(f.Value), Expected: incident.Number(f.Expected),
		HostName: actuator.Clean(f.Resource[actuator.AttrHost], maxText), HostID: actuator.Clean(f.Resource[actuator.AttrHostID], maxText),
		Time: f.Time.UTC(), Received: f.Received.UTC(),
	}
	for _, rule := range f.Rules[:min(len(f.Rules), maxRules)] {
		p.Rules = append(p.Rules, actuator.Clean(rule, maxText))
	}
	return p
}

// maxRules bounds the rules that are remembered of one finding.
const maxRules = 8

// faultOf is the class of a fault; what nobody named is unknown.
func faultOf(f finding.Finding) string {
	if f.Fault == "" {
		return "unknown"
	}
	return actuator.Clean(f.Fault, 64)
}

// describe says in one sentence what was seen.
func describe(f finding.Finding, target actuator.Target) string {
	p := point(f)
	by := "statistics"
	if len(p.Rules) > 0 {
		by = "rule " + p.Rules[0]
	}
	what := fmt.Sprintf("is %.4g", f.Value)
	if f.Kind == finding.Silence {
		what = "is missing"
	}
	return fmt.Sprintf("%s on %s: %s %s, says %s (score %.3g)", faultOf(f), actuator.Clean(target.String(), maxText), p.Metric, what, by, f.Score)
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
