// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

func seeds(f *testing.F) {
	f.Helper()
	f.Add([]byte{})
	f.Add(bytesOf(f, everyType()))
	f.Add(bytesOf(f, gauges(20)))
	annotated := everyType()
	newReader().Read(annotated, moment(10), &annotator{make: func(*Point) *finding.Finding { x := full(); return &x }})
	f.Add(bytesOf(f, annotated))
	nested := gaugeOf(10, 1)
	a := nested.ResourceMetrics().At(0).Resource().Attributes()
	a.PutEmptyMap("m").PutEmptySlice("l").AppendEmpty().SetEmptyBytes().FromRaw([]byte{0xff})
	a.PutStr("bad", "\xff\x00")
	f.Add(bytesOf(f, nested))
}

// finiteVisitor checks what every visitor may rely on.
type finiteVisitor struct {
	t *testing.T
	scorer
}

func (v *finiteVisitor) Visit(p *Point) {
	before := len(v.got)
	v.scorer.Visit(p)
	got := v.got[before]
	require.False(v.t, math.IsNaN(got.value) || math.IsInf(got.value, 0))
	require.True(v.t, got.why == series.Scored || slices.Contains(series.Reasons(), got.why), "%q", got.why)
	require.Equal(v.t, p.Key.IsZero(), got.why == series.OwnOutput)
	if got.why == series.Scored {
		f := full()
		Annotate(p, &f)
	}
}

// FuzzRead reads arbitrary OTLP twice: nothing panics, every datapoint is
// visited, numbers are finite, and the same points again are never scored as
// counters.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		StripAnomaly(md)
		require.Zero(t, StripAnomaly(md))
		reader := newReader()
		v := finiteVisitor{t: t}
		reader.Read(md, moment(10), &v) // and annotates it
		require.GreaterOrEqual(t, len(v.got), md.DataPointCount())
		keys := len(v.memories)
		reader.Read(md, moment(10), &v)
		require.Len(t, v.memories, keys, "the same points have the same keys, annotated or not")
		for _, p := range v.points[len(v.points)/2:] {
			p.Origin().AppendSilence(md, &finding.Finding{Field: p.Field})
		}
	})
}

// FuzzFindings reads arbitrary OTLP back: nothing panics and every finding
// keeps to its bounds.
func FuzzFindings(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		for _, one := range Findings(md, moment(10), watch{all: true}) {
			requireBounded(t, one)
		}
		annotated := Findings(md, moment(10), nil)
		for _, one := range annotated {
			require.NotEqual(t, finding.Normal, one.State)
		}
		StripAnomaly(md)
		require.Empty(t, Findings(md, moment(10), nil))
	})
}

func requireBounded(t *testing.T, f finding.Finding) {
	t.Helper()
	require.Contains(t, []finding.State{finding.Normal, finding.Pending, finding.Firing, finding.Resolved, finding.Unknown}, f.State)
	require.False(t, f.Series.IsZero())
	require.LessOrEqual(t, len(f.Resource), MaxAttributes)
	require.LessOrEqual(t, len(f.Attributes), MaxAttributes)
	require.LessOrEqual(t, len(f.Rules), MaxNames)
	require.LessOrEqual(t, len(f.Detectors), MaxNames)
	texts := slices.Concat(f.Rules, f.Detectors,
		[]string{f.ID, string(f.Kind), string(f.Direction), string(f.Severity), f.Fault, f.Metric, f.Unit, f.Field})
	for _, m := range []map[string]string{f.Resource, f.Attributes} {
		for k, v := range m {
			texts = append(texts, k, v)
			require.False(t, strings.HasPrefix(k, finding.AttrPrefix), k)
		}
	}
	for _, s := range texts {
		require.LessOrEqual(t, len(s), MaxText)
		require.True(t, utf8.ValidString(s), "%q", s)
		require.Equal(t, -1, strings.IndexFunc(s, hidden), "%q", s)
	}
	for _, v := range []float64{f.Score, f.ZScore, f.PValue, f.Value, f.Expected} {
		require.False(t, math.IsInf(v, 0))
	}
}
