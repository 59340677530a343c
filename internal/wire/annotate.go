// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// annotations is how many attributes a finding has at most.
const annotations = 14

// Annotate writes f onto the datapoint of p as the contract's attributes, and
// reports whether it did. Numbers that do not apply (NaN) and empty texts are
// left out; anomaly.value is written only where the point's own number is
// something else. State Normal is not written: a point with numbers and
// without a state is an ordinary one.
//
// A histogram or summary point carries one finding: where several of its
// fields have one, the heavier stays (firing, unknown, pending, resolved; then
// severity; then score) and Annotate reports false for the others.
func Annotate(p *Point, f *finding.Finding) bool {
	if flagged(p.Attributes) {
		if p.Field != "" && !heavier(f, p.Attributes) {
			return false
		}
		strip(p.Attributes)
	}
	write(p.Attributes, f, p.Field, ownNumber(p))
	return true
}

// heavier reports whether f outweighs the finding that the attributes carry.
func heavier(f *finding.Finding, carried pcommon.Map) bool {
	state := finding.State(attributeText(carried, finding.AttrState))
	severity := finding.Severity(attributeText(carried, finding.AttrSeverity))
	return cmp.Or(
		cmp.Compare(weight(f.State), weight(state)),
		cmp.Compare(f.Severity.Rank(), severity.Rank()),
		// NaN, where no detector gave a score, is below every score.
		cmp.Compare(f.Score, attributeNumber(carried, finding.AttrScore)),
	) > 0
}

// weight orders states by what a reader must not miss.
func weight(s finding.State) int {
	switch s {
	case finding.Firing:
		return 4
	case finding.Unknown:
		return 3
	case finding.Pending:
		return 2
	case finding.Resolved:
		return 1
	case finding.Normal:
	}
	return 0
}

// ownNumber is the number that readers see on the point, NaN where it is
// not what is scored.
func ownNumber(p *Point) float64 {
	if p.Field != "" || p.Reading.Shape != series.Value {
		return math.NaN()
	}
	return p.Reading.Number()
}

// write puts the attributes of f. own is what the point itself tells.
func write(m pcommon.Map, f *finding.Finding, field string, own float64) {
	m.EnsureCapacity(m.Len() + annotations)
	if f.State != finding.Normal {
		putText(m, finding.AttrState, string(f.State))
	}
	putText(m, finding.AttrID, f.ID)
	putText(m, finding.AttrKind, string(f.Kind))
	putText(m, finding.AttrDirection, string(f.Direction))
	putText(m, finding.AttrSeverity, string(f.Severity))
	putText(m, finding.AttrFault, f.Fault)
	putText(m, finding.AttrField, field)
	putNumber(m, finding.AttrScore, f.Score)
	putNumber(m, finding.AttrZScore, f.ZScore)
	putNumber(m, finding.AttrPValue, f.PValue)
	putNumber(m, finding.AttrExpected, f.Expected)
	if f.Value != own {
		putNumber(m, finding.AttrValue, f.Value)
	}
	putNames(m, finding.AttrDetectors, f.Detectors)
	putNames(m, finding.AttrRules, f.Rules)
}

func putText(m pcommon.Map, name, v string) {
	if v != "" {
		m.PutStr(name, v)
	}
}

func putNumber(m pcommon.Map, name string, v float64) {
	if !math.IsNaN(v) {
		m.PutDouble(name, v)
	}
}

func putNames(m pcommon.Map, name string, vs []string) {
	if len(vs) == 0 {
		return
	}
	s := m.PutEmptySlice(name)
	s.EnsureCapacity(len(vs))
	for _, v := range vs {
		s.AppendEmpty().SetStr(v)
	}
}
