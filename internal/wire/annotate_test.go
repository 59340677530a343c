// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// full is a finding with everything to write.
func full() finding.Finding {
	return finding.Finding{
		ID: "ep-1", State: finding.Firing, Kind: finding.Threshold, Direction: finding.Up,
		Score: 1.5, ZScore: 4.25, PValue: 0.001, Value: 12, Expected: 3,
		Severity: finding.Critical, Fault: "disk_full",
		Detectors: []string{"zscore", "novelty"}, Rules: []string{"disk-full"},
	}
}

// bare is a finding of which nothing but the state applies.
func bare(s finding.State) finding.Finding {
	nan := math.NaN()
	return finding.Finding{State: s, Score: nan, ZScore: nan, PValue: nan, Value: nan, Expected: nan}
}

// annotator annotates every point that the reader shows.
type annotator struct {
	make    func(p *Point) *finding.Finding
	keys    map[string]series.Key // by metric and field
	written []bool
}

func (a *annotator) Visit(p *Point) {
	if a.keys == nil {
		a.keys = map[string]series.Key{}
	}
	a.keys[p.Metric.Name()+"/"+p.Field] = p.Key
	if f := a.make(p); f != nil {
		a.written = append(a.written, Annotate(p, f))
	}
}

func attributesOf(md pmetric.Metrics) map[string]any {
	return shellOf(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)).Attributes().AsRaw()
}

func TestAnnotateWritesTheContract(t *testing.T) {
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), &annotator{make: func(*Point) *finding.Finding { f := full(); return &f }})
	require.Equal(t, map[string]any{
		"anomaly.id": "ep-1", "anomaly.state": "firing", "anomaly.kind": "threshold", "anomaly.direction": "up",
		"anomaly.score": 1.5, "anomaly.z_score": 4.25, "anomaly.p_value": 0.001, "anomaly.expected": 3.0, "anomaly.value": 12.0,
		"anomaly.severity": "critical", "anomaly.fault": "disk_full",
		"anomaly.detectors": []any{"zscore", "novelty"}, "anomaly.rules": []any{"disk-full"},
	}, attributesOf(md))
}

func TestAnnotateLeavesOutWhatDoesNotApply(t *testing.T) {
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), &annotator{make: func(*Point) *finding.Finding { f := bare(finding.Pending); return &f }})
	require.Equal(t, map[string]any{"anomaly.state": "pending"}, attributesOf(md))
}

func TestAnnotateWritesTheValueOnlyWhereThePointDoesNotTellIt(t *testing.T) {
	with := func(v float64) *annotator {
		return &annotator{make: func(*Point) *finding.Finding { f := bare(finding.Firing); f.Value = v; return &f }}
	}
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), with(1.5))
	require.NotContains(t, attributesOf(md), "anomaly.value")
	md = sumOf(cumulative, true, 0, 10, 7)
	newReader().Read(md, moment(10), with(7))
	require.Contains(t, attributesOf(md), "anomaly.value", "the point shows a count, the value is a rate")
}

func TestAnnotateWritesOrdinaryPointsWithoutAState(t *testing.T) {
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), &annotator{make: func(*Point) *finding.Finding { f := bare(finding.Normal); f.Score = 0.25; return &f }})
	require.Equal(t, map[string]any{"anomaly.score": 0.25}, attributesOf(md))
}

func TestAnnotateAgainReplaces(t *testing.T) {
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), &annotator{make: func(p *Point) *finding.Finding {
		f := full()
		require.True(t, Annotate(p, &f))
		f = bare(finding.Resolved)
		return &f
	}})
	require.Equal(t, map[string]any{"anomaly.state": "resolved"}, attributesOf(md))
}

// TestTheHeavierFindingOfAPointStays annotates several fields of one histogram
// point.
func TestTheHeavierFindingOfAPointStays(t *testing.T) {
	with := func(s finding.State, severity finding.Severity, score float64) finding.Finding {
		f := bare(s)
		f.Severity, f.Score = severity, score
		return f
	}
	nan := math.NaN()
	for name, tt := range map[string]struct {
		mean, p50 finding.Finding
		want      string
	}{
		"state":                {with(finding.Firing, finding.Info, 1), with(finding.Pending, finding.Critical, 9), "mean"},
		"unknown over pending": {with(finding.Pending, finding.Info, 1), with(finding.Unknown, finding.Info, 1), "p50"},
		"pending over done":    {with(finding.Resolved, finding.Critical, 9), with(finding.Pending, finding.Info, 1), "p50"},
		"anything over normal": {with(finding.Normal, finding.Info, 9), with(finding.Resolved, finding.Info, 1), "p50"},
		"severity":             {with(finding.Firing, finding.Warning, 9), with(finding.Firing, finding.Critical, 1), "p50"},
		"score":                {with(finding.Firing, finding.Warning, 2), with(finding.Firing, finding.Warning, 3), "p50"},
		"the first of equals":  {with(finding.Firing, finding.Warning, 2), with(finding.Firing, finding.Warning, 2), "mean"},
		"a score over none":    {with(finding.Firing, finding.Warning, nan), with(finding.Firing, finding.Warning, 0.1), "p50"},
	} {
		md := histogramOf(delta, 10, []float64{10}, []uint64{5, 5}, 100)
		a := &annotator{make: func(p *Point) *finding.Finding {
			switch p.Field {
			case "mean":
				return &tt.mean
			case "p50":
				return &tt.p50
			}
			return nil
		}}
		newReader().Read(md, moment(10), a)
		require.Equal(t, tt.want, attributesOf(md)["anomaly.field"], name)
		require.Equal(t, []bool{true, tt.want == "p50"}, a.written, name)
	}
}
