// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// origins takes the origin of every point that the reader shows, after
// annotating it.
type origins struct {
	of   map[string]Origin
	keys map[string]series.Key
}

func (o *origins) Visit(p *Point) {
	f := full()
	Annotate(p, &f)
	o.of[p.Metric.Name()+"/"+p.Field] = p.Origin()
	o.keys[p.Metric.Name()+"/"+p.Field] = p.Key
}

func originsOf(md pmetric.Metrics) origins {
	o := origins{of: map[string]Origin{}, keys: map[string]series.Key{}}
	newReader().Read(md, moment(10), &o)
	return o
}

// TestSilenceIsReadBackUnderTheSameKey takes the origin of every type, lets it
// fall silent, and reads the synthetic point as the exporter would.
func TestSilenceIsReadBackUnderTheSameKey(t *testing.T) {
	source := everyType()
	types := map[string]pmetric.MetricType{}
	for _, rm := range source.ResourceMetrics().All() {
		rm.SetSchemaUrl("https://example.com/resource")
		rm.ScopeMetrics().At(0).SetSchemaUrl("https://example.com/scope")
		rm.ScopeMetrics().At(0).Scope().SetVersion("1.2.3")
		m := rm.ScopeMetrics().At(0).Metrics().At(0)
		m.SetDescription("what it is")
		types[m.Name()] = m.Type()
	}
	o := originsOf(source)
	for name, field := range map[string]string{"gauge": "", "counter": "", "delta": "", "histogram": "p95", "exponential": "mean", "summary": "p50"} {
		origin := o.of[name+"/"+field]
		require.False(t, origin.IsZero(), name)
		require.Equal(t, name, origin.MetricName())
		require.Equal(t, "By", origin.Unit())
		require.Equal(t, "https://example.com/resource", origin.SchemaURL())
		require.Equal(t, map[string]any{"host.name": "db1"}, origin.Resource().Attributes().AsRaw())
		require.Equal(t, map[string]any{"device": "sda"}, origin.Attributes().AsRaw(), "without the annotation")

		md := pmetric.NewMetrics()
		f := bare(finding.Unknown)
		f.Kind, f.Field, f.Time, f.ID = finding.Silence, field, moment(99), "ep-2"
		origin.AppendSilence(md, &f)
		rm := md.ResourceMetrics().At(0)
		m := rm.ScopeMetrics().At(0).Metrics().At(0)
		require.Equal(t, types[name], m.Type())
		require.Equal(t, "what it is", m.Description())
		require.Equal(t, "1.2.3", rm.ScopeMetrics().At(0).Scope().Version())
		require.Equal(t, "https://example.com/scope", rm.ScopeMetrics().At(0).SchemaUrl())
		require.Equal(t, 1, md.DataPointCount())

		got := Findings(md, moment(100), nil)
		require.Len(t, got, 1, name)
		require.Equal(t, o.keys[name+"/"+field], got[0].Series, name)
		require.Equal(t, finding.Unknown, got[0].State)
		require.Equal(t, finding.Silence, got[0].Kind)
		require.Equal(t, moment(99), got[0].Time)
		require.Equal(t, "ep-2", got[0].ID)
		require.True(t, math.IsNaN(got[0].Value), "%s: silence has no value", name)

		// It is nothing to score, and carries the flag.
		var s scorer
		newReader().Read(md, moment(100), &s)
		require.Equal(t, []seen{{why: series.NoRecorded}}, s.got, name)
	}
	// Sums keep what makes them sums.
	md := pmetric.NewMetrics()
	f := bare(finding.Unknown)
	counter, falling := o.of["counter/"], o.of["delta/"]
	counter.AppendSilence(md, &f)
	falling.AppendSilence(md, &f)
	for i, temporality := range []pmetric.AggregationTemporality{cumulative, delta} {
		s := md.ResourceMetrics().At(i).ScopeMetrics().At(0).Metrics().At(0).Sum()
		require.True(t, s.IsMonotonic())
		require.Equal(t, temporality, s.AggregationTemporality())
	}
}

func TestOriginOfWhatWasNeverSeen(t *testing.T) {
	resource, attributes := pcommon.NewResource(), pcommon.NewMap()
	resource.Attributes().PutStr("host.name", "db1")
	resource.Attributes().PutStr("anomaly.state", "firing")
	attributes.PutStr("device", "sda")
	attributes.PutStr("anomaly.score", "1")
	origin := NewOrigin(resource, "scope", "m", "By", attributes)
	require.Equal(t, map[string]any{"host.name": "db1"}, origin.Resource().Attributes().AsRaw())
	require.Equal(t, map[string]any{"device": "sda"}, origin.Attributes().AsRaw())
	md := pmetric.NewMetrics()
	f := bare(finding.Firing)
	f.Time = moment(5)
	origin.AppendSilence(md, &f)
	got := Findings(md, moment(5), nil)
	require.Len(t, got, 1)

	seen := originsOf(gauge("m", 10, 1))
	require.Equal(t, seen.keys["m/"], got[0].Series, "the key it will have once it is seen")
	require.True(t, Origin{}.IsZero())
}

func TestOriginMayBeShared(t *testing.T) {
	origin := originsOf(gauge("m", 10, 1)).of["m/"]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				f := bare(finding.Unknown)
				origin.AppendSilence(pmetric.NewMetrics(), &f)
			}
		})
	}
	wg.Wait()
	require.Equal(t, map[string]any{"device": "sda"}, origin.Attributes().AsRaw())
}

func TestCompanionsAreWhatTheContractSays(t *testing.T) {
	md := gauge("system.disk.usage", 10, 1)
	source := md.ResourceMetrics().At(0)
	source.Resource().Attributes().PutStr("anomaly.state", "firing")
	attributes := shellOf(source.ScopeMetrics().At(0).Metrics().At(0)).Attributes()
	attributes.PutStr("anomaly.id", "ep-1")
	c := AppendCompanions(md, source.Resource(), "https://example.com/resource", "anomaly", "1.0")
	require.Equal(t, 1, md.ResourceMetrics().Len(), "nothing is appended before there is a number")

	c.Score("system.disk.usage", "", attributes, math.NaN(), moment(10))
	require.Equal(t, 1, md.ResourceMetrics().Len(), "a score that does not apply is none")
	c.Score("system.disk.usage", "", attributes, 1.5, moment(10))
	c.Score("http.server.request.duration", "p99", attributes, 0, moment(10))
	c.Active(finding.Warning, 2, moment(10))
	c.Active(finding.Critical, 0, moment(10))
	c.Rate(0.25, moment(10))
	c.Detections(finding.Warning, 7, moment(-100), moment(10))

	require.Equal(t, 2, md.ResourceMetrics().Len())
	rm := md.ResourceMetrics().At(1)
	require.Equal(t, map[string]any{"host.name": "db1"}, rm.Resource().Attributes().AsRaw())
	require.Equal(t, "https://example.com/resource", rm.SchemaUrl())
	require.Equal(t, 1, rm.ScopeMetrics().Len())
	sm := rm.ScopeMetrics().At(0)
	require.Equal(t, "anomaly", sm.Scope().Name())
	require.Equal(t, "1.0", sm.Scope().Version())

	type point struct {
		attributes map[string]any
		value      any
		start      time.Time
	}
	type metric struct {
		unit   string
		typ    pmetric.MetricType
		points []point
	}
	got := map[string]metric{}
	for _, m := range sm.Metrics().All() {
		require.NotEmpty(t, m.Description(), m.Name())
		var points pmetric.NumberDataPointSlice
		if m.Type() == pmetric.MetricTypeSum {
			require.True(t, m.Sum().IsMonotonic())
			require.Equal(t, cumulative, m.Sum().AggregationTemporality())
			points = m.Sum().DataPoints()
		} else {
			points = m.Gauge().DataPoints()
		}
		one := metric{unit: m.Unit(), typ: m.Type()}
		for _, dp := range points.All() {
			require.Equal(t, stamp(10), dp.Timestamp())
			p := point{attributes: dp.Attributes().AsRaw(), value: dp.DoubleValue()}
			if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
				p.value = dp.IntValue()
			}
			if dp.StartTimestamp() != 0 {
				p.start = dp.StartTimestamp().AsTime()
			}
			one.points = append(one.points, p)
		}
		got[m.Name()] = one
	}
	require.Equal(t, map[string]metric{
		"anomaly.score": {unit: "1", typ: pmetric.MetricTypeGauge, points: []point{
			{attributes: map[string]any{"device": "sda", "anomaly.metric": "system.disk.usage"}, value: 1.5},
			{attributes: map[string]any{"device": "sda", "anomaly.metric": "http.server.request.duration", "anomaly.field": "p99"}, value: 0.0},
		}},
		"anomaly.active": {unit: "{series}", typ: pmetric.MetricTypeGauge, points: []point{
			{attributes: map[string]any{"anomaly.severity": "warning"}, value: int64(2)},
			{attributes: map[string]any{"anomaly.severity": "critical"}, value: int64(0)},
		}},
		"anomaly.rate": {unit: "1", typ: pmetric.MetricTypeGauge, points: []point{{attributes: map[string]any{}, value: 0.25}}},
		"anomaly.detections": {unit: "{episode}", typ: pmetric.MetricTypeSum, points: []point{
			{attributes: map[string]any{"anomaly.severity": "warning"}, value: int64(7), start: moment(-100)},
		}},
	}, got)

	var s scorer
	newReader().Read(md, moment(10), &s)
	for _, one := range s.got[1:] {
		require.Equal(t, series.OwnOutput, one.why, "companions are not scored")
	}
}
