// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// watch is a Watcher of some keys; all watches everything.
type watch struct {
	keys map[series.Key]bool
	all  bool
}

func (w watch) Watches(k series.Key) bool { return w.all || w.keys[k] }
func (w watch) WatchesAny() bool          { return w.all || len(w.keys) > 0 }

var _ Watcher = finding.Sink(nil)

func fieldOf(f finding.Finding) string { return f.Metric + "/" + f.Field }

// requireFinding compares findings; NaN is equal to NaN.
func requireFinding(t *testing.T, want, got finding.Finding) {
	t.Helper()
	for _, f := range []*finding.Finding{&want, &got} {
		for _, v := range []*float64{&f.Score, &f.ZScore, &f.PValue, &f.Value, &f.Expected} {
			if math.IsNaN(*v) {
				*v = -123456
			}
		}
	}
	require.Equal(t, want, got)
}

// TestFindingsReadsBackWhatAnnotateWrote annotates one field of a point of
// every type and reads it back, under the key that the reader gave it.
func TestFindingsReadsBackWhatAnnotateWrote(t *testing.T) {
	fields := map[string]string{"gauge": "", "delta": "", "histogram": "p95", "exponential": "mean", "summary": "p99"}
	md := everyType()
	a := &annotator{make: func(p *Point) *finding.Finding {
		if field, ok := fields[p.Metric.Name()]; !ok || field != p.Field {
			return nil
		}
		f := full()
		p.Describe(&f)
		require.Equal(t, p.Field, f.Field)
		require.Equal(t, moment(10), f.Time)
		require.Equal(t, moment(11), f.Received)
		return &f
	}}
	newReader().Read(md, moment(11), a)
	got := Findings(md, moment(12), nil)
	require.Len(t, got, len(fields))
	for _, f := range got {
		want := full()
		want.Metric, want.Unit = f.Metric, "By"
		want.Field = fields[f.Metric]
		want.Series = a.keys[fieldOf(f)]
		want.Time, want.Received = moment(10), moment(12)
		want.Start = moment(0)
		if f.Metric == "gauge" {
			want.Start = time.Time{}
		}
		want.Resource = map[string]string{"host.name": "db1"}
		want.Attributes = map[string]string{"device": "sda"}
		requireFinding(t, want, f)
	}
}

func TestFindingsWithoutAnnotationsOrWatchersAreNone(t *testing.T) {
	md := everyType()
	for name, w := range map[string]Watcher{"nil": nil, "nothing": watch{}, "another": watch{keys: map[series.Key]bool{{Hi: 1}: true}}} {
		require.Empty(t, Findings(md, moment(10), w), name)
	}
	large := gauges(1000)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { Findings(large, moment(10), nil) }), 1.0, "ordinary points cost nothing")
}

// TestFindingsOfWatchedSeriesAreNormal checks that the keys of ordinary points
// are those of the reader, for every type and field.
func TestFindingsOfWatchedSeriesAreNormal(t *testing.T) {
	md := everyType()
	a := &annotator{make: func(*Point) *finding.Finding { return nil }}
	newReader().Read(md, moment(10), a)
	got := map[string]finding.Finding{}
	for _, f := range Findings(md, moment(12), watch{all: true}) {
		got[fieldOf(f)] = f
	}
	values := map[string]float64{
		"gauge/": 1.5, "counter/": math.NaN(), "delta/": 0.7,
		"histogram/count_rate": 1, "histogram/mean": 10, "histogram/p50": 10, "histogram/p95": 10, "histogram/p99": 10,
		"exponential/count_rate": 0.8, "exponential/mean": 6,
		"exponential/p50": math.Exp2(2.5), "exponential/p95": math.Exp2(2.95), "exponential/p99": math.Exp2(2.99),
		"summary/count_rate": math.NaN(), "summary/p50": 3, "summary/p99": 9,
	}
	require.Len(t, got, len(values))
	for name, want := range values {
		f, ok := got[name]
		require.True(t, ok, name)
		require.Equal(t, finding.Normal, f.State, name)
		if key, ok := a.keys[name]; ok { // the first point of a summary gives no rate
			require.Equal(t, key, f.Series, name)
		} else {
			require.Equal(t, "summary/count_rate", name)
		}
		if math.IsNaN(want) {
			require.True(t, math.IsNaN(f.Value), "%s: %v", name, f.Value)
		} else {
			require.InDelta(t, want, f.Value, 1e-9, name)
		}
		require.True(t, math.IsNaN(f.Score), name)
		require.Empty(t, f.ID, name)
	}
	// Only what is watched.
	key := a.keys["histogram/p95"]
	only := Findings(md, moment(12), watch{keys: map[series.Key]bool{key: true}})
	require.Len(t, only, 1)
	require.Equal(t, key, only[0].Series)
	// With the processor's own quantiles.
	require.Empty(t, Findings(md, moment(12), watch{keys: map[series.Key]bool{key: true}}, 0.5))
}

func TestFindingsTakesNothingForProofThatIsNone(t *testing.T) {
	for name, md := range map[string]pmetric.Metrics{
		"no recorded value":   noValue(gaugeOf(10, 1)),
		"neither number":      gaugeOf(10, nil),
		"not a number":        gaugeOf(10, math.NaN()),
		"infinite":            gaugeOf(10, math.Inf(1)),
		"from the future":     gaugeOf(100, 1),
		"no timestamp":        gaugeOf(-1_700_000_000, 1),
		"no temporality":      sumOf(pmetric.AggregationTemporalityUnspecified, true, 0, 10, 1),
		"malformed histogram": histogramOf(delta, 10, []float64{1, 2}, []uint64{1, 2}, 1),
		"no value, histogram": noValue(histogramOf(delta, 10, nil, []uint64{1}, 1)),
	} {
		require.Empty(t, Findings(md, moment(10), watch{all: true}), name)
	}
	rateOnly := func(md pmetric.Metrics) {
		t.Helper()
		got := Findings(md, moment(10), watch{all: true})
		require.Len(t, got, 1)
		require.Equal(t, "count_rate", got[0].Field)
	}
	rateOnly(histogramOf(cumulative, 10, []float64{1}, []uint64{1, 2}, 1))
	rateOnly(histogramOf(delta, 10, []float64{1}, []uint64{0, 0}, 0))
	rateOnly(exponentialOf(cumulative, 10, 0, 0, []uint64{1, 2}, 1))
	// A field that the point is not annotated for may be firing as well.
	md := histogramOf(delta, 10, []float64{1}, []uint64{1, 2}, 1)
	newReader().Read(md, moment(10), &annotator{make: func(p *Point) *finding.Finding {
		f := full()
		if p.Field != "p99" {
			return nil
		}
		return &f
	}})
	got := Findings(md, moment(10), watch{all: true})
	require.Len(t, got, 1)
	require.Equal(t, "p99", got[0].Field)
}

// TestFindingsOfPointsAnnotatedWithoutAState is option annotate: all.
func TestFindingsOfPointsAnnotatedWithoutAState(t *testing.T) {
	ordinary := func(field string) *annotator {
		return &annotator{make: func(p *Point) *finding.Finding {
			f := bare(finding.Normal)
			f.Score, f.Value = 0.25, 42
			if p.Field != field {
				return nil
			}
			return &f
		}}
	}
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), ordinary(""))
	require.Empty(t, Findings(md, moment(10), nil))
	got := Findings(md, moment(10), watch{all: true})
	require.Len(t, got, 1)
	require.Equal(t, finding.Normal, got[0].State)
	require.InDelta(t, 0.25, got[0].Score, 0)
	require.InDelta(t, 42, got[0].Value, 0)

	// The annotation proves that the field of a cumulative histogram was measured.
	reader := newReader()
	reader.Read(histogramOf(cumulative, 5, []float64{1}, []uint64{1, 1}, 1), moment(10), ordinary("mean"))
	md = histogramOf(cumulative, 10, []float64{1}, []uint64{1, 2}, 3)
	reader.Read(md, moment(10), ordinary("mean"))
	got = Findings(md, moment(10), watch{all: true})
	require.Len(t, got, 2)
	require.Equal(t, "count_rate", got[0].Field)
	require.True(t, math.IsNaN(got[0].Score), "the score is that of another field")
	require.Equal(t, "mean", got[1].Field)
	require.InDelta(t, 0.25, got[1].Score, 0)
	require.InDelta(t, 42, got[1].Value, 0)
}

func TestFindingsReadsWhatOtherWritersMayWrite(t *testing.T) {
	md := gaugeOf(10, 1.5)
	a := shellOf(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)).Attributes()
	a.PutStr("anomaly.state", "normal")
	require.Empty(t, Findings(md, moment(10), nil), "normal is not flagged")
	a.PutStr("anomaly.state", "firing")
	a.PutInt("anomaly.score", 2)
	a.PutBool("anomaly.rules", true)
	a.PutStr("anomaly.detectors", "zscore")
	got := Findings(md, moment(10), nil)
	require.Len(t, got, 1)
	require.InDelta(t, 2, got[0].Score, 0)
	require.Nil(t, got[0].Rules)
	require.Equal(t, []string{"zscore"}, got[0].Detectors)
	require.InDelta(t, 1.5, got[0].Value, 0)
	a.PutInt("anomaly.state", 1)
	require.Equal(t, finding.Unknown, Findings(md, moment(10), nil)[0].State)
	// A delta without an interval of its own is no rate.
	md = sumOf(delta, true, 10, 10, 5)
	got = Findings(md, moment(10), watch{all: true})
	require.Len(t, got, 1)
	require.True(t, math.IsNaN(got[0].Value))
}

func TestFindingsSanitisesHostileInput(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	evil := "a\x00b\nc\x1b[31md\u202ee\xff\xfe" + long
	md := gaugeOf(10, math.NaN())
	rm := md.ResourceMetrics().At(0)
	m := rm.ScopeMetrics().At(0).Metrics().At(0)
	m.SetName(evil)
	m.SetUnit(evil)
	dp := m.Gauge().DataPoints().At(0)
	for i := range 1000 {
		rm.Resource().Attributes().PutStr(fmt.Sprint(evil[:12], i), evil)
		dp.Attributes().PutStr(fmt.Sprint("k", i), evil)
	}
	a := dp.Attributes()
	for _, name := range []string{"anomaly.id", "anomaly.kind", "anomaly.direction", "anomaly.severity", "anomaly.fault", "anomaly.field"} {
		a.PutStr(name, evil)
	}
	a.PutStr("anomaly.state", "exploding")
	a.PutDouble("anomaly.score", math.Inf(1))
	a.PutStr("anomaly.z_score", "9")
	a.PutDouble("anomaly.p_value", 7)
	a.PutDouble("anomaly.expected", math.NaN())
	a.PutDouble("anomaly.value", math.Inf(-1))
	a.PutStr("anomaly.detectors", evil)
	rules := a.PutEmptySlice("anomaly.rules")
	rules.AppendEmpty().SetInt(5)
	for range 1000 {
		rules.AppendEmpty().SetStr(evil)
	}

	got := Findings(md, moment(10), nil)
	require.Len(t, got, 1)
	f := got[0]
	require.Equal(t, finding.Unknown, f.State)
	require.Empty(t, f.Kind)
	require.Empty(t, f.Direction)
	require.Empty(t, f.Severity)
	require.Empty(t, f.Field, "the field of a gauge is its value")
	for name, v := range map[string]float64{"score": f.Score, "z": f.ZScore, "p": f.PValue, "value": f.Value, "expected": f.Expected} {
		require.True(t, math.IsNaN(v), "%s: %v", name, v)
	}
	require.Len(t, f.Rules, MaxNames-1, "of the first %d, one is no text", MaxNames)
	require.Len(t, f.Detectors, 1)
	require.Len(t, f.Resource, MaxAttributes)
	require.Len(t, f.Attributes, MaxAttributes)
	texts := []string{f.ID, f.Fault, f.Metric, f.Unit}
	texts = append(append(texts, f.Rules...), f.Detectors...)
	for _, m := range []map[string]string{f.Resource, f.Attributes} {
		for k, v := range m {
			require.False(t, strings.HasPrefix(k, "anomaly."))
			texts = append(texts, k, v)
		}
	}
	for _, s := range texts {
		require.LessOrEqual(t, len(s), MaxText)
		require.True(t, utf8.ValidString(s), "%q", s)
		require.False(t, strings.ContainsAny(s, "\x00\n\x1b\u202e"), "%q", s)
	}
	require.True(t, strings.HasPrefix(f.ID, "a\ufffdb\ufffdc\ufffd[31md\ufffde\ufffd\ufffdä"), "%q", f.ID)
	require.Greater(t, len(f.ID), MaxText-4, "cut at the bound, not before")
}

func TestFindingsKeepsOrdinaryTexts(t *testing.T) {
	for _, s := range []string{"", "db1", "größer", "日本語 🙂", "a\ufffdb", strings.Repeat("x", MaxText)} {
		require.Equal(t, s, clean(s))
	}
}

func TestFindingsShowsAttributesAsText(t *testing.T) {
	m := pcommon.NewMap()
	require.NoError(t, m.FromRaw(map[string]any{
		"s": "x", "i": -1, "d": 0.5, "whole": 3.0, "b": true, "none": nil, "bytes": []byte("hello"),
		"list": []any{"a", 1, 1.5, false}, "map": map[string]any{"k": []any{"v"}},
		"deep": []any{[]any{[]any{[]any{[]any{[]any{"x"}}}}}},
	}))
	require.Equal(t, map[string]string{
		"s": "x", "i": "-1", "d": "0.5", "whole": "3", "b": "true", "none": "", "bytes": "aGVsbG8=",
		"list": `["a",1,1.5,false]`, "map": `{"k":["v"]}`, "deep": `[[[[["…"]]]]]`,
	}, cleanMap(m))
}

func TestFindingsTakesTheFirstOfTwins(t *testing.T) {
	// As protobuf allows and no SDK sends: the same attribute twice.
	pair := func(v string) string {
		return "\x0a\x08\x0a\x01k\x12\x03\x0a\x01" + v
	}
	resource := pair("1") + pair("2")
	rm := "\x0a" + string(rune(len(resource))) + resource
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics([]byte("\x0a" + string(rune(len(rm))) + rm))
	require.NoError(t, err)
	attributes := md.ResourceMetrics().At(0).Resource().Attributes()
	require.Equal(t, 2, attributes.Len())
	require.Equal(t, map[string]string{"k": "1"}, cleanMap(attributes))
}

func TestFindingsBoundsLargeAttributes(t *testing.T) {
	m := pcommon.NewMap()
	m.PutEmptyBytes("bytes").FromRaw(make([]byte, 1<<20))
	m.PutStr("text", strings.Repeat("x", 1<<20))
	list, dict := m.PutEmptySlice("list"), m.PutEmptyMap("map")
	for i := range 10_000 {
		list.AppendEmpty().SetStr(strings.Repeat("y", 100))
		dict.PutInt(fmt.Sprint(i), 1)
	}
	for name, v := range cleanMap(m) {
		require.NotEmpty(t, v, name)
		require.LessOrEqual(t, len(v), MaxText, name)
	}
	for _, name := range []string{"bytes", "list", "map"} {
		v, _ := m.Get(name)
		require.Less(t, len(appendValue(nil, v, 0)), 4*MaxText, "%s is not built whole first", name)
	}
}

func TestFindingsShareNoMemoryWithTheMetrics(t *testing.T) {
	md := gaugeOf(10, 1.5)
	newReader().Read(md, moment(10), &annotator{make: func(*Point) *finding.Finding { f := full(); return &f }})
	data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	read, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
	require.NoError(t, err)
	got := Findings(read, moment(10), nil)
	for i := range data {
		data[i] = 'X' // the reader's texts might point here
	}
	require.Equal(t, "m", got[0].Metric)
	require.Equal(t, "ep-1", got[0].ID)
	require.Equal(t, map[string]string{"host.name": "db1"}, got[0].Resource)
	require.Equal(t, []string{"zscore", "novelty"}, got[0].Detectors)
}

func BenchmarkFindingsNoneWanted(b *testing.B) {
	const n = 2000
	md := gauges(n)
	b.ReportAllocs()
	for b.Loop() {
		Findings(md, moment(0), watch{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/point")
}

func BenchmarkFindingsOneWatched(b *testing.B) {
	const n = 2000
	md := gauges(n)
	w := watch{keys: map[series.Key]bool{{Hi: 1}: true}}
	b.ReportAllocs()
	for b.Loop() {
		Findings(md, moment(0), w)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/point")
}
