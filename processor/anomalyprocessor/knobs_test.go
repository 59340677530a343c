// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// outcome runs a fixed history of 70 minutes through a configuration and
// writes down everything that a user could notice of it.
func outcome(t *testing.T, config string) (seen string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		r := run(t, config, hostWith(store))
		random := rand.New(rand.NewPCG(3, 4))
		var lines []string
		time.Sleep(500 * time.Millisecond) // points between two sweeps: neither can overtake the other
		for i := range 420 {
			time.Sleep(10 * time.Second)
			jitter := random.Float64() - 0.5
			at := func(peak float64, hot bool) float64 {
				if hot {
					return peak + jitter
				}
				return 50 + jitter
			}
			md := gauges(web1, "burst", at(200, i%100 >= 90 && i > 40))
			addGauges(md, web1, "dip", at(5, i%100 >= 90 && i > 40))
			addGauges(md, web1, "small", at(56, i%100 >= 90 && i > 40))
			addGauges(md, web1, "shift", at(90, i >= 200))
			addGauges(md, web1, "flappy", at(90, i >= 200 && i%12 < 4))
			addGauges(md, web1, "early", at(90, i >= 60 && i < 70))
			addGauges(md, web1, "mild", at(53+float64(i%2), i >= 300 && i < 340))
			addIdle(md, at(90, i%100 >= 90))
			if i < 60 || i > 300 {
				addGauges(md, web1, "gappy", at(50, false))
			}
			if i < 100 || i > 150 {
				addGauges(md, map[string]any{"host.name": "web1", "process.executable.name": "nginx"}, "process", 1)
			} else {
				addGauges(md, map[string]any{"host.name": "web1", "process.executable.name": "sshd"}, "process", 1)
			}
			addHistogram(md, i, i%100 >= 90)
			r.send(md)
			synctest.Wait()
			for _, p := range r.said() {
				if len(p.attr) > 0 {
					lines = append(lines, fmt.Sprintf("%d %s %v %v %.4g", i, p.metric, p.attr, p.noValue, p.value))
				}
			}
		}
		sort.Strings(lines)
		lines = append(lines, fmt.Sprint("saved ", len(store.data)))
		for _, name := range []string{"tracked", "evicted", "refused"} {
			got, err := r.tel.GetMetric("otelcol_processor_anomaly_series_" + name)
			require.NoError(t, err)
			switch d := got.Data.(type) {
			case metricdata.Gauge[int64]:
				lines = append(lines, fmt.Sprint(name, d.DataPoints[0].Value))
			case metricdata.Sum[int64]:
				lines = append(lines, fmt.Sprint(name, d.DataPoints[0].Value))
			}
		}
		store.mu.Lock()
		if m, err := decodeManifest(store.data[manifestKey]); err == nil {
			lines = append(lines, fmt.Sprint("generation ", m.generation))
		}
		store.mu.Unlock()
		r.stop()
		seen = strings.Join(lines, "\n")
	})
	return seen
}

func addIdle(md pmetric.Metrics, v float64) {
	addGauges(md, web1, "idle", v)
	rms := md.ResourceMetrics()
	rms.At(rms.Len()-1).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Attributes().PutStr("state", "idle")
}

func addHistogram(md pmetric.Metrics, i int, slow bool) {
	addGauges(md, web1, "latency")
	rms := md.ResourceMetrics()
	h := rms.At(rms.Len() - 1).ScopeMetrics().At(0).Metrics().At(0).SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	dp := h.DataPoints().AppendEmpty()
	dp.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-10 * time.Second)))
	dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	dp.ExplicitBounds().FromRaw([]float64{1, 2, 4})
	dp.BucketCounts().FromRaw([]uint64{90, 9, 1, uint64(i % 2)})
	if slow {
		dp.BucketCounts().FromRaw([]uint64{50, 9, 1, 40})
	}
	dp.SetCount(100)
}

const knobBase = `
zscore: {warm_up: 0s, min_rel: 0}
`

const knobRule = knobBase + `
rules: [{name: hot, metric: burst, condition: value > 100}]
`

func TestEveryKnobHasAnEffect(t *testing.T) {
	absent := func(more string) string {
		return knobBase + "rules: [{name: gone, for: 30s, absent: {metric: process, attributes: {process.executable.name: nginx}}" + more + "}]"
	}
	rule := func(more string) string {
		return knobBase + "rules: [{name: hot, metric: burst, condition: value > 100" + more + "}]"
	}
	z := func(more string) string { return "zscore: {warm_up: 0s, min_rel: 0, " + more + "}" }
	knobs := []struct{ key, base, turned string }{
		{"annotate", knobBase, knobBase + "annotate: none"},
		{"include", knobBase, knobBase + "include: [burst]"},
		{"exclude", knobBase, knobBase + "exclude: [burst]"},
		{"ignore", knobBase, knobBase + "ignore: {state: []}"},
		{"quantiles", knobBase, knobBase + "quantiles: [0.9]"},
		{"max_series", knobBase, knobBase + "max_series: 3"},
		{"stale_after", knobBase, knobBase + "stale_after: 10m"},
		{"zscore::enabled", knobBase, z("enabled: false")},
		{"zscore::threshold", knobBase, z("threshold: 3")},
		{"zscore::memory", knobBase, z("memory: 20m")},
		{"zscore::warm_up", knobBase, "zscore: {warm_up: 30m, min_rel: 0}"},
		{"zscore::direction", knobBase, z("direction: up")},
		{"zscore::min_abs", knobBase, z("min_abs: 20")},
		{"zscore::min_rel", knobBase, "zscore: {warm_up: 0s, min_rel: 0.3}"},
		{"zscore::severity", knobBase, z("severity: warning")},
		{"gate::fire", knobBase, knobBase + "gate: {fire: 1 of 1}"},
		{"gate::clear", knobBase, knobBase + "gate: {clear: 1 of 1}"},
		{"gate::clear_level", knobBase, knobBase + "gate: {clear_level: 0.01}"},
		{"gate::for", knobBase, knobBase + "gate: {for: 1m}"},
		{"gate::flap_count", knobBase, knobBase + "gate: {flap_count: 0}"},
		{"gate::flap_hold", knobBase, knobBase + "gate: {flap_hold: 10s}"},
		{"companion_metrics::enabled", knobBase, knobBase + "companion_metrics: {enabled: false}"},
		{"companion_metrics::interval", knobBase, knobBase + "companion_metrics: {interval: 5m}"},
		{"storage", knobBase, knobBase + stored},
		{"snapshot_interval", knobBase + stored, knobBase + stored + "snapshot_interval: 20s"},
		{"rules::name", rule(""), strings.ReplaceAll(rule(""), "name: hot", "name: warm")},
		{"rules::metric", rule(""), strings.ReplaceAll(rule(""), "metric: burst", "metric: shift")},
		{"rules::condition", rule(""), strings.ReplaceAll(rule(""), "value > 100", "value > 300")},
		{"rules::clear", rule(""), rule(", clear: value < 10")},
		{"rules::for", rule(""), rule(", for: 1m")},
		{"rules::keep_firing_for", rule(""), rule(", keep_firing_for: 1m")},
		{"rules::fault", rule(""), rule(", fault: overload")},
		{"rules::severity", rule(""), rule(", severity: critical")},
		{"rules::direction", rule(""), rule(", direction: down")},
		{"rules::absent", knobBase, absent("")},
		{"rules::absent::metric", absent(""), strings.ReplaceAll(absent(""), "metric: process", "metric: burst")},
		{"rules::absent::attributes", absent(""), strings.ReplaceAll(absent(""), "nginx", "sshd")},
	}
	outcomes := map[string]string{}
	of := func(config string) string {
		if _, ok := outcomes[config]; !ok {
			outcomes[config] = outcome(t, config)
		}
		return outcomes[config]
	}
	turned := map[string]bool{}
	for _, k := range knobs {
		require.NotEqual(t, of(k.base), of(k.turned), "%s has no effect", k.key)
		turned[k.key] = true
	}
	require.Equal(t, of(knobRule), outcome(t, knobRule), "the same configuration gives the same outcome, or the test above proves nothing")
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		require.True(t, turned[key] || key == "rules", "%s is accepted and not tested for an effect", key)
	}
}

// keysOf lists the YAML keys of a configuration struct.
func keysOf(typ reflect.Type, prefix string) (keys []string) {
	for f := range typ.Fields() {
		key := prefix + f.Tag.Get("mapstructure")
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.PkgPath() == typ.PkgPath() && inner != reflect.TypeFor[OutOf]() {
			if f.Type.Kind() != reflect.Struct {
				keys = append(keys, key)
			}
			keys = append(keys, keysOf(inner, key+"::")...)
			continue
		}
		keys = append(keys, key)
	}
	return keys
}
