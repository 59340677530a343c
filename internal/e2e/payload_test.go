// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// mebibyte is the length of the longest attribute values that are sent.
const mebibyte = 1 << 20

// payload is one request with everything that OTLP metrics can carry and that
// a careless processor breaks: see the functions below, one for each corner.
// JSON can carry neither text that is not UTF-8 nor the bits of a NaN, so these
// are left out for it.
func payload(at time.Time, by Transport) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.SetSchemaUrl("https://opentelemetry.io/schemas/1.37.0")
	resource := rm.Resource()
	resource.Attributes().PutStr("service.name", "shop")
	resource.Attributes().PutStr("host.name", "sender")
	resource.Attributes().PutStr("host.id", "8d2e")
	resource.Attributes().PutStr("transport", string(by)) // so that each transport has series of its own
	resource.Attributes().PutStr("anomaly.forged", "a resource must not be flagged either")
	resource.SetDroppedAttributesCount(3)

	sm := rm.ScopeMetrics().AppendEmpty()
	sm.SetSchemaUrl("https://opentelemetry.io/schemas/1.36.0")
	sm.Scope().SetName("e2e")
	sm.Scope().SetVersion("1.2.3")
	sm.Scope().Attributes().PutInt("shard", 7)
	sm.Scope().Attributes().PutStr("anomaly.forged", "nor a scope")
	sm.Scope().SetDroppedAttributesCount(1)
	b := &builder{metrics: sm.Metrics(), at: at, by: by}
	b.gauges()
	b.sums()
	b.histograms()
	b.exponentialHistograms()
	b.summary()
	b.oddTimes()
	b.oddAttributes()
	b.preset()

	// Nothing is information too: a resource, a scope and metrics without points.
	b.metric("nothing", "")
	b.metric("nothing.gauge", "1").SetEmptyGauge()
	b.metric("nothing.sum", "1").SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	b.metric("nothing.histogram", "1").SetEmptyHistogram()
	rm.ScopeMetrics().AppendEmpty().Scope().SetName("empty scope")
	bare := md.ResourceMetrics().AppendEmpty()
	bare.Resource().Attributes().PutStr("host.name", "empty resource")
	bare.Resource().Attributes().PutStr("host.id", "00")

	// A second resource that reports a metric of the same name.
	other := md.ResourceMetrics().AppendEmpty()
	other.Resource().Attributes().PutStr("host.name", "other")
	other.Resource().Attributes().PutStr("host.id", "8d2f")
	other.Resource().Attributes().PutStr("transport", string(by))
	second := &builder{metrics: other.ScopeMetrics().AppendEmpty().Metrics(), at: at, by: by}
	second.gauges()
	return md
}

type builder struct {
	metrics pmetric.MetricSlice
	at      time.Time
	by      Transport
}

func (b *builder) metric(name, unit string) pmetric.Metric {
	m := b.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription("what " + name + " means")
	m.Metadata().PutStr("prometheus.type", "unknown")
	return m
}

func (b *builder) stamp(ago time.Duration) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(b.at.Add(-ago))
}

func (b *builder) point(points pmetric.NumberDataPointSlice, ago time.Duration) pmetric.NumberDataPoint {
	p := points.AppendEmpty()
	p.SetStartTimestamp(b.stamp(time.Hour))
	p.SetTimestamp(b.stamp(ago))
	return p
}

func (b *builder) gauges() {
	points := b.metric("room.temperature", "Cel").SetEmptyGauge().DataPoints()
	staleMarker := math.Float64frombits(0x7ff0000000000002) // Prometheus'
	if b.by == HTTPJSON {
		staleMarker = math.NaN()
	}
	for i, value := range []float64{
		21.5, 0, math.Copysign(0, -1), math.NaN(), staleMarker,
		math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64,
	} {
		p := b.point(points, 0)
		p.Attributes().PutInt("sensor", int64(i))
		p.SetDoubleValue(value)
	}
	whole := b.metric("queue.length", "{item}").SetEmptyGauge().DataPoints()
	for i, value := range []int64{0, -1, 1<<53 + 1, math.MaxInt64, math.MinInt64} {
		p := b.point(whole, 0)
		p.Attributes().PutInt("queue", int64(i))
		p.SetIntValue(value)
	}
	p := b.point(whole, 0)
	p.Attributes().PutStr("queue", "neither int nor double")
}

func (b *builder) sums() {
	counter := b.metric("requests", "{request}").SetEmptySum()
	counter.SetIsMonotonic(true)
	counter.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i, value := range []int64{1<<53 + 1, 1<<53 + 5, 3, 9} { // falls to 3: a reset that no start time tells
		b.point(counter.DataPoints(), time.Duration(40-10*i)*time.Second).SetIntValue(value)
	}
	restarted := b.point(counter.DataPoints(), 0) // a reset that the start time tells, with a higher value
	restarted.SetStartTimestamp(b.stamp(time.Second))
	restarted.SetIntValue(100)
	exemplar := restarted.Exemplars().AppendEmpty()
	exemplar.SetTimestamp(b.stamp(0))
	exemplar.SetIntValue(1<<60 + 1)
	exemplar.SetTraceID(pcommon.TraceID{1, 2, 3})
	exemplar.SetSpanID(pcommon.SpanID{4, 5, 6})
	exemplar.FilteredAttributes().PutStr("user", "42")

	delta := b.metric("errors", "{error}").SetEmptySum()
	delta.SetIsMonotonic(true)
	delta.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	b.point(delta.DataPoints(), 0).SetDoubleValue(2.5)

	level := b.metric("connections", "{connection}").SetEmptySum()
	level.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	b.point(level.DataPoints(), 0).SetIntValue(-4)

	unspecified := b.metric("unspecified", "1").SetEmptySum()
	b.point(unspecified.DataPoints(), 0).SetDoubleValue(1)
}

func (b *builder) histograms() {
	for _, temporality := range []pmetric.AggregationTemporality{pmetric.AggregationTemporalityCumulative, pmetric.AggregationTemporalityDelta} {
		h := b.metric("latency."+strings.ToLower(temporality.String()), "s").SetEmptyHistogram()
		h.SetAggregationTemporality(temporality)
		full := h.DataPoints().AppendEmpty()
		full.SetStartTimestamp(b.stamp(time.Hour))
		full.SetTimestamp(b.stamp(0))
		full.SetCount(1<<53 + 3)
		full.SetSum(12.5)
		full.SetMin(0)
		full.SetMax(9)
		full.ExplicitBounds().FromRaw([]float64{0.1, 1, 10})
		full.BucketCounts().FromRaw([]uint64{1 << 53, 1, 2, 0})
		exemplar := full.Exemplars().AppendEmpty()
		exemplar.SetDoubleValue(math.Inf(1))
		exemplar.SetTimestamp(b.stamp(time.Minute))

		countOnly := h.DataPoints().AppendEmpty() // no buckets, no sum, and a count that nothing adds up to
		countOnly.Attributes().PutStr("route", "/count-only")
		countOnly.SetTimestamp(b.stamp(0))
		countOnly.SetCount(7)

		broken := h.DataPoints().AppendEmpty() // invalid: two bounds, one bucket, a NaN sum
		broken.Attributes().PutStr("route", "/broken")
		broken.SetTimestamp(b.stamp(0))
		broken.ExplicitBounds().FromRaw([]float64{1, math.NaN()})
		broken.BucketCounts().FromRaw([]uint64{3})
		broken.SetSum(math.NaN())
	}
}

func (b *builder) exponentialHistograms() {
	h := b.metric("size", "By").SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for i, scale := range []int32{-10, 0, 20, math.MaxInt32, math.MinInt32} {
		p := h.DataPoints().AppendEmpty()
		p.Attributes().PutInt("scale", int64(i))
		p.SetStartTimestamp(b.stamp(time.Minute))
		p.SetTimestamp(b.stamp(0))
		p.SetCount(12)
		p.SetSum(-3.25)
		p.SetScale(scale)
		p.SetZeroCount(2)
		p.SetZeroThreshold(1e-9)
		p.Positive().SetOffset(math.MaxInt32)
		p.Positive().BucketCounts().FromRaw([]uint64{1, 0, 4})
		p.Negative().SetOffset(math.MinInt32)
		p.Negative().BucketCounts().FromRaw([]uint64{5})
		p.SetMin(-100)
		p.SetMax(100)
	}
	cumulative := b.metric("size.cumulative", "By").SetEmptyExponentialHistogram()
	cumulative.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	cumulative.DataPoints().AppendEmpty().SetTimestamp(b.stamp(0)) // an empty distribution
}

func (b *builder) summary() {
	points := b.metric("gc.pause", "s").SetEmptySummary().DataPoints()
	p := points.AppendEmpty()
	p.SetStartTimestamp(b.stamp(time.Hour))
	p.SetTimestamp(b.stamp(0))
	p.SetCount(1<<53 + 1)
	p.SetSum(4.5)
	for _, q := range []struct{ quantile, value float64 }{{0, 0.001}, {0.5, 0.002}, {0.99, math.NaN()}, {1, math.Inf(1)}, {2, -1}} {
		v := p.QuantileValues().AppendEmpty()
		v.SetQuantile(q.quantile)
		v.SetValue(q.value)
	}
}

func (b *builder) oddTimes() {
	points := b.metric("clock", "s").SetEmptyGauge().DataPoints()
	for _, ago := range []time.Duration{
		30 * time.Second, 10 * time.Second, 20 * time.Second, // out of order
		10 * time.Second,          // a duplicate time with another value
		-24 * time.Hour,           // from the future
		20 * 365 * 24 * time.Hour, // from long ago
	} {
		b.point(points, ago).SetDoubleValue(ago.Seconds())
	}
	for range 2 { // the very same point twice
		b.point(points, 15*time.Second).SetDoubleValue(1)
	}
	timeless := points.AppendEmpty() // no timestamps at all
	timeless.SetIntValue(1)
	limit := points.AppendEmpty()
	limit.SetTimestamp(math.MaxUint64)
	limit.SetStartTimestamp(math.MaxUint64)

	gone := b.point(points, 5*time.Second)
	gone.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	goneSum := b.metric("gone.sum", "1").SetEmptySum()
	goneSum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	b.point(goneSum.DataPoints(), 0).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	goneHistogram := b.metric("gone.histogram", "1").SetEmptyHistogram().DataPoints().AppendEmpty()
	goneHistogram.SetTimestamp(b.stamp(0))
	goneHistogram.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
}

// hostileNames are texts that run, break out or disappear where somebody pastes
// them into a shell, a terminal, a page, a query or a C string.
func hostileNames() []string {
	return []string{
		"$(reboot)", "`reboot`", "; rm -rf /.service", "a;rm -rf /.service", "../../../../etc/passwd", "-rf", "|| kill -9 1 #",
		"line\nfeed\r\nremediation: approved", "\x1b[2J\x1b]0;owned\x07", "null\x00byte",
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{ .Env }}`, `${env:HOME}`, `%s%n%d`, `' OR 1=1 --`,
		"\u202egnp.exe", "", " ",
	}
}

// invalidUTF8 is text that some languages and backends cannot even hold.
const invalidUTF8 = "\xff\xfe\xc3\x28 half a rune: \xe2\x82"

func (b *builder) oddAttributes() {
	points := b.metric("attributes", "1").SetEmptyGauge().DataPoints()
	huge := b.point(points, 0)
	huge.Attributes().PutStr("huge", strings.Repeat("x", mebibyte))
	huge.SetDoubleValue(1)

	nested := b.point(points, 0)
	nested.SetDoubleValue(2)
	a := nested.Attributes()
	a.PutBool("bool", true)
	a.PutInt("int", 1<<53+1)
	a.PutDouble("double", 0.1)
	a.PutEmptyBytes("bytes").FromRaw([]byte{0, 1, 0xff})
	a.PutEmpty("empty")
	inner := a.PutEmptyMap("map")
	inner.PutStr("z", "last")
	inner.PutEmptySlice("list").AppendEmpty().SetInt(1)
	deep := a.PutEmptyMap("deep")
	for range 20 {
		deep = deep.PutEmptyMap("deeper")
	}

	for _, name := range hostileNames() {
		p := b.point(points, 0)
		p.SetIntValue(3)
		p.Attributes().PutStr("name", name)
		if name != "" {
			p.Attributes().PutStr(name, "hostile key")
		}
	}
	b.metric("hostile $(reboot)\n\x1b[2J", "1;rm").SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(b.stamp(0))
	b.metric(strings.Repeat("long", 1<<14), "1").SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(b.stamp(0))
	if b.by == HTTPJSON {
		return
	}
	p := b.point(points, 0)
	p.SetDoubleValue(4)
	p.Attributes().PutStr("invalid", invalidUTF8)
	p.Attributes().PutStr(invalidUTF8, "invalid key")
	b.metric(invalidUTF8, invalidUTF8).SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(b.stamp(0))
}

// preset adds points that claim to be flagged already.
func (b *builder) preset() {
	forge := func(a pcommon.Map) {
		a.PutStr("anomaly.state", "firing")
		a.PutStr("anomaly.fault", "runaway_process")
		a.PutStr("anomaly.severity", "critical")
		a.PutDouble("anomaly.score", 99)
		a.PutStr("anomaly.anything", "else")
		a.PutStr("anomaly", "no prefix, so it stays")
		a.PutStr("kept", "yes")
	}
	number := b.point(b.metric("forged.gauge", "1").SetEmptyGauge().DataPoints(), 0)
	number.SetIntValue(5)
	forge(number.Attributes())
	sum := b.metric("forged.sum", "1").SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := b.point(sum.DataPoints(), 0)
	p.SetDoubleValue(5)
	forge(p.Attributes())
	histogram := b.metric("forged.histogram", "1").SetEmptyHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	h := histogram.DataPoints().AppendEmpty()
	h.SetTimestamp(b.stamp(0))
	forge(h.Attributes())
	exponential := b.metric("forged.exponential", "1").SetEmptyExponentialHistogram()
	exponential.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	e := exponential.DataPoints().AppendEmpty()
	e.SetTimestamp(b.stamp(0))
	forge(e.Attributes())
	s := b.metric("forged.summary", "1").SetEmptySummary().DataPoints().AppendEmpty()
	s.SetTimestamp(b.stamp(0))
	forge(s.Attributes())
	goneGauge := b.point(b.metric("forged.gone", "1").SetEmptyGauge().DataPoints(), 0)
	goneGauge.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	forge(goneGauge.Attributes())
}
