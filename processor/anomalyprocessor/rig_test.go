// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/processor/anomalyprocessor/internal/metadata"
)

// configure loads a configuration as its author writes it.
func configure(tb testing.TB, text string) *Config {
	tb.Helper()
	cfg, err := tryConfigure(text)
	require.NoError(tb, err)
	return cfg
}

func tryConfigure(text string) (*Config, error) {
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	err := cfg.Validate()
	return cfg, err
}

// rig is a running processor. It lives in a synctest bubble, so time passes as
// fast as the test does.
type rig struct {
	t    *testing.T
	p    processor.Metrics
	sink *consumertest.MetricsSink
	tel  *componenttest.Telemetry
	logs *observer.ObservedLogs
	read int // batches of the sink that were looked at
}

// run starts a processor with a configuration. The host may be nil.
func run(t *testing.T, config string, host component.Host) *rig {
	t.Helper()
	r := &rig{t: t, sink: new(consumertest.MetricsSink), tel: componenttest.NewTelemetry()}
	if host == nil {
		host = componenttest.NewNopHost()
	}
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = r.tel.NewTelemetrySettings()
	core, logs := observer.New(zap.InfoLevel)
	set.Logger, r.logs = zap.New(core), logs
	p, err := NewFactory().CreateMetrics(t.Context(), set, configure(t, config), r.sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), host))
	r.p = p
	return r
}

// stop shuts the processor down.
func (r *rig) stop() {
	r.t.Helper()
	require.NoError(r.t, r.p.Shutdown(context.Background()))
	require.NoError(r.t, r.tel.Shutdown(context.Background()))
}

// send gives one batch to the processor.
func (r *rig) send(md pmetric.Metrics) {
	r.t.Helper()
	require.NoError(r.t, r.p.ConsumeMetrics(context.Background(), md))
}

// fresh returns what came out since the last call.
func (r *rig) fresh() []pmetric.Metrics {
	all := r.sink.AllMetrics()
	out := all[r.read:]
	r.read = len(all)
	return out
}

// said returns everything that came out since the last call as points.
func (r *rig) said() (points []outPoint) {
	for _, md := range r.fresh() {
		points = append(points, pointsOf(md)...)
	}
	return points
}

// outPoint is one datapoint that came out.
type outPoint struct {
	metric   string
	resource map[string]any
	attr     map[string]any
	value    float64
	noValue  bool
	scope    string
}

func (p outPoint) state() string { s, _ := p.attr[finding.AttrState].(string); return s }
func (p outPoint) id() string    { s, _ := p.attr[finding.AttrID].(string); return s }
func (p outPoint) score() float64 {
	s, ok := p.attr[finding.AttrScore].(float64)
	if !ok {
		return -1
	}
	return s
}

func pointsOf(md pmetric.Metrics) (out []outPoint) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				add := func(attr pcommon.Map, flags pmetric.DataPointFlags, value float64) {
					out = append(out, outPoint{
						metric: m.Name(), resource: rm.Resource().Attributes().AsRaw(), attr: attr.AsRaw(),
						value: value, noValue: flags.NoRecordedValue(), scope: sm.Scope().Name(),
					})
				}
				number := func(dps pmetric.NumberDataPointSlice) {
					for _, dp := range dps.All() {
						v := dp.DoubleValue()
						if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
							v = float64(dp.IntValue())
						}
						add(dp.Attributes(), dp.Flags(), v)
					}
				}
				switch m.Type() {
				case pmetric.MetricTypeEmpty:
				case pmetric.MetricTypeGauge:
					number(m.Gauge().DataPoints())
				case pmetric.MetricTypeSum:
					number(m.Sum().DataPoints())
				case pmetric.MetricTypeHistogram:
					for _, dp := range m.Histogram().DataPoints().All() {
						add(dp.Attributes(), dp.Flags(), dp.Sum())
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, dp := range m.ExponentialHistogram().DataPoints().All() {
						add(dp.Attributes(), dp.Flags(), dp.Sum())
					}
				case pmetric.MetricTypeSummary:
					for _, dp := range m.Summary().DataPoints().All() {
						add(dp.Attributes(), dp.Flags(), dp.Sum())
					}
				}
			}
		}
	}
	return out
}

// only keeps the points of one metric.
func only(points []outPoint, metric string) (out []outPoint) {
	for _, p := range points {
		if p.metric == metric {
			out = append(out, p)
		}
	}
	return out
}

// gauges makes a batch of one gauge metric on one resource, one point for each
// value, told apart by the attribute n.
func gauges(resource map[string]any, metric string, values ...float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	addGauges(md, resource, metric, values...)
	return md
}

func addGauges(md pmetric.Metrics, resource map[string]any, metric string, values ...float64) {
	rm := md.ResourceMetrics().AppendEmpty()
	if err := rm.Resource().Attributes().FromRaw(resource); err != nil {
		panic(err)
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("test")
	m := sm.Metrics().AppendEmpty()
	m.SetName(metric)
	m.SetUnit("1")
	dps := m.SetEmptyGauge().DataPoints()
	for i, v := range values {
		dp := dps.AppendEmpty()
		dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		dp.SetDoubleValue(v)
		if len(values) > 1 {
			dp.Attributes().PutInt("n", int64(i))
		}
	}
}

var web1 = map[string]any{"host.name": "web1", "host.id": "a1"}

// expand reads "10x3 20": 10 10 10 20.
func expand(tb testing.TB, text string) (values []float64) {
	tb.Helper()
	for field := range strings.FieldsSeq(text) {
		value, times := 0.0, 1
		if _, err := fmt.Sscanf(field, "%gx%d", &value, &times); err != nil {
			_, err = fmt.Sscanf(field, "%g", &value)
			require.NoError(tb, err, field)
		}
		for range times {
			values = append(values, value)
		}
	}
	return values
}

// letters of states in a scenario; . is a point without a state.
var letters = map[string]string{"": ".", "pending": "p", "firing": "F", "resolved": "r", "unknown": "u"}

// play feeds a gauge every 10 s and returns one letter for each point.
func (r *rig) play(metric, values string) string {
	r.t.Helper()
	var states strings.Builder
	for _, v := range expand(r.t, values) {
		time.Sleep(10 * time.Second)
		r.fresh()
		r.send(gauges(web1, metric, v))
		for _, p := range only(r.said(), metric) {
			states.WriteString(letters[p.state()])
		}
	}
	return states.String()
}

// squeeze writes runs as counts: "....FFr" is ".4F2r".
func squeeze(states string) string {
	var out strings.Builder
	for i := 0; i < len(states); {
		j := i
		for j < len(states) && states[j] == states[i] {
			j++
		}
		out.WriteByte(states[i])
		if j-i > 1 {
			fmt.Fprint(&out, j-i)
		}
		i = j
	}
	return out.String()
}
