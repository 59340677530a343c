// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/processor/anomalyprocessor/internal/metadata"
	"github.com/homeostat/homeostat/processor/anomalyprocessor/internal/metadatatest"
)

// eager is the detector without its patience, and nothing else.
const eager = "zscore: {warm_up: 0s}\ncompanion_metrics: {enabled: false}\n"

func TestDetectorScenario(t *testing.T) {
	for _, c := range []struct{ name, config, give, want string }{
		{"3 of 5 fire, 3 calm ones resolve", eager, "50x40 90x4 50x4", ".40p2F4r."},
		{"one spike is pending and ends", eager, "50x40 90 50x4", ".40p3r."},
		{"at once", eager + "gate: {fire: 1 of 1, clear: 1 of 1}", "50x40 90 50x2", ".40Fr."},
		{"silent while it learns", eager, "50x20 90x4 50x4", ".28"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, c.config, nil)
				defer r.stop()
				require.Equal(t, c.want, squeeze(r.play("m", c.give)))
			})
		})
	}
}

func TestDetectorFindingCarriesTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, eager+"gate: {fire: 2 of 3, clear: 2 of 2}", nil)
		defer r.stop()
		r.play("m", "50x400 20")
		time.Sleep(10 * time.Second)
		r.send(gauges(web1, "m", 20))
		p := r.said()[0]
		require.Equal(t, "firing", p.state())
		require.Greater(t, p.score(), 1.0)
		require.InDelta(t, 50, p.attr["anomaly.expected"], 2)
		require.Less(t, p.attr["anomaly.z_score"], -6.0)
		require.Less(t, p.attr["anomaly.p_value"], 1e-8)
		require.Equal(t, "down", p.attr["anomaly.direction"])
		require.Equal(t, "spike", p.attr["anomaly.kind"])
		require.Equal(t, "info", p.attr["anomaly.severity"])
		require.Equal(t, []any{"zscore"}, p.attr["anomaly.detectors"])
		require.NotContains(t, p.attr, "anomaly.rules")
		require.NotContains(t, p.attr, "anomaly.fault")

		time.Sleep(10 * time.Second)
		r.send(gauges(web1, "m", 50))
		calm := r.said()[0]
		require.Equal(t, "firing", calm.state(), "one calm point is not the end")
		require.GreaterOrEqual(t, calm.score(), 1.0, "what fires has at least the alarm level")
		require.Equal(t, []any{"zscore"}, calm.attr["anomaly.detectors"])

		r.play("m", "20x12")
		time.Sleep(10 * time.Second)
		r.send(gauges(web1, "m", 20))
		require.Equal(t, "level_shift", r.said()[0].attr["anomaly.kind"])
	})
}

func TestAnnotateModes(t *testing.T) {
	const load = "50x40 90x4 50x5" // 4 flagged by a breach, 2 calm ones before the end, the end
	for mode, want := range map[Annotate]struct{ states, numbers int }{
		AnnotateFlagged: {7, 7}, AnnotateAll: {7, 18}, AnnotateNone: {0, 0},
	} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, eager+"annotate: "+string(mode), nil)
				defer r.stop()
				states, numbers := 0, 0
				for _, v := range expand(t, load) {
					time.Sleep(10 * time.Second)
					r.send(gauges(web1, "m", v))
				}
				for _, p := range r.said() {
					if p.state() != "" {
						states++
					}
					if _, ok := p.attr[finding.AttrZScore]; ok {
						numbers++
					}
				}
				require.Equal(t, want.states, states)
				require.Equal(t, want.numbers, numbers, "in mode all every point after 31 of learning has numbers")
			})
		})
	}
}

// shapes make one point of each type whose scored number is v, from
// cumulative totals that they keep.
func shapes() map[string]func(m pmetric.Metric, v float64) {
	now := func() pcommon.Timestamp { return pcommon.NewTimestampFromTime(time.Now()) }
	var total int64
	var counts [2]uint64
	var exponential uint64
	return map[string]func(pmetric.Metric, float64){
		"gauge int": func(m pmetric.Metric, v float64) {
			dp := m.SetEmptyGauge().DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.SetIntValue(int64(v))
		},
		"gauge double": func(m pmetric.Metric, v float64) {
			dp := m.SetEmptyGauge().DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.SetDoubleValue(v)
		},
		"cumulative int sum": func(m pmetric.Metric, v float64) {
			total += int64(v) * 10
			s := m.SetEmptySum()
			s.SetIsMonotonic(true)
			s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			dp := s.DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.SetIntValue(total)
		},
		"delta sum": func(m pmetric.Metric, v float64) {
			s := m.SetEmptySum()
			s.SetIsMonotonic(true)
			s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			dp := s.DataPoints().AppendEmpty()
			dp.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-10 * time.Second)))
			dp.SetTimestamp(now())
			dp.SetDoubleValue(v * 10)
		},
		"non-monotonic sum": func(m pmetric.Metric, v float64) {
			s := m.SetEmptySum()
			s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			dp := s.DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.SetIntValue(int64(v))
		},
		"cumulative histogram": func(m pmetric.Metric, v float64) {
			slow := uint64(max(0, v-50)) // the rest is fast
			counts[0], counts[1] = counts[0]+100-slow, counts[1]+slow
			h := m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			dp := h.DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.ExplicitBounds().FromRaw([]float64{1})
			dp.BucketCounts().FromRaw(counts[:])
			dp.SetCount(counts[0] + counts[1])
			dp.SetSum(0.5*float64(counts[0]) + 10*float64(counts[1]))
		},
		"cumulative exponential histogram": func(m pmetric.Metric, v float64) {
			exponential += uint64(v)
			h := m.SetEmptyExponentialHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			dp := h.DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.SetCount(exponential)
			dp.Positive().BucketCounts().FromRaw([]uint64{exponential})
			dp.SetSum(1.5 * float64(exponential))
		},
		"summary": func(m pmetric.Metric, v float64) {
			dp := m.SetEmptySummary().DataPoints().AppendEmpty()
			dp.SetTimestamp(now())
			dp.SetCount(1)
			q := dp.QuantileValues().AppendEmpty()
			q.SetQuantile(0.99)
			q.SetValue(v)
		},
	}
}

func TestEachMetricTypeIsDetected(t *testing.T) {
	fields := map[string]string{
		"cumulative histogram": "p99", "cumulative exponential histogram": "count_rate", "summary": "p99",
	}
	for name, shape := range shapes() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, eager+"quantiles: [0.99]", nil)
				defer r.stop()
				states := ""
				seen := map[string]bool{}
				for _, v := range expand(t, "50x45 90x5 50x5") {
					time.Sleep(10 * time.Second)
					md := gauges(web1, "m")
					shape(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0), v)
					r.send(md)
					p := r.said()[0]
					states += letters[p.state()]
					if p.state() == "firing" {
						f, _ := p.attr[finding.AttrField].(string)
						seen[f] = true
						require.GreaterOrEqual(t, p.score(), 1.0)
					}
				}
				require.Equal(t, ".45p2F5r.2", squeeze(states))
				if want := fields[name]; want == "p99" {
					require.True(t, seen["p99"] || seen["mean"], "fields: %v", seen)
				} else {
					require.Equal(t, map[string]bool{want: true}, seen)
				}
			})
		})
	}
}

func TestHostsAreNotMixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, eager, nil)
		defer r.stop()
		flagged := map[string]int{}
		for i := range 60 {
			time.Sleep(10 * time.Second)
			level := 10.0
			if i >= 50 {
				level = 900
			}
			md := gauges(map[string]any{"host.name": "small"}, "m", level)
			addGauges(md, map[string]any{"host.name": "big"}, "m", 1000)
			r.send(md)
		}
		for _, p := range r.said() {
			if p.state() != "" {
				flagged[p.resource["host.name"].(string)]++
			}
		}
		require.Equal(t, map[string]int{"small": 10}, flagged)
	})
}

func TestPresetAttributesAreStripped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, eager, nil)
		defer r.stop()
		md := gauges(map[string]any{"host.name": "web1", "anomaly.id": "x"}, "m", 1)
		dp := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0)
		dp.Attributes().PutStr("anomaly.state", "firing")
		dp.Attributes().PutDouble("anomaly.score", 99)
		dp.Attributes().PutStr("kept", "yes")
		r.send(md)
		p := r.said()[0]
		require.Equal(t, map[string]any{"kept": "yes"}, p.attr)
		require.Equal(t, map[string]any{"host.name": "web1"}, p.resource)
		metadatatest.AssertEqualProcessorAnomalyAttributesStripped(t, r.tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	})
}

const hotRule = "zscore: {enabled: false}\nrules: [{name: hot, metric: m, condition: value > 0.9, severity: critical}]\n"

func TestSilenceOfAFiringSeriesIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, hotRule, nil)
		defer r.stop()
		r.play("m", "0.5x3 0.95x2")
		id := only(r.said(), "m")
		require.Empty(t, id)
		time.Sleep(95 * time.Second) // less than ten intervals
		synctest.Wait()
		require.Empty(t, only(r.said(), "m"))
		time.Sleep(40 * time.Second)
		synctest.Wait()
		said := r.said()
		unknown := only(said, "m")
		require.Len(t, unknown, 1, "said once")
		p := unknown[0]
		require.Equal(t, "unknown", p.state())
		require.True(t, p.noValue)
		require.Equal(t, "silence", p.attr["anomaly.kind"])
		require.Equal(t, "critical", p.attr["anomaly.severity"])
		require.Equal(t, []any{"hot"}, p.attr["anomaly.rules"])
		require.Equal(t, web1, p.resource)
		scores := only(said, "anomaly.score")
		require.Len(t, scores, 1)
		require.Zero(t, scores[0].value, "the closing 0")
		active := only(said, "anomaly.active")
		require.Zero(t, active[len(active)-1].value)

		r.send(gauges(web1, "m", 0.95))
		back := only(r.said(), "m")[0]
		require.Equal(t, "firing", back.state())
		require.Equal(t, p.id(), back.id(), "it goes on under the same id")
	})
}

func TestCompanionMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, hotRule+"companion_metrics: {interval: 10s}\n", nil)
		defer r.stop()
		send := func(values ...float64) []outPoint {
			time.Sleep(5 * time.Second)
			md := pmetric.NewMetrics()
			for pid, v := range values { // a resource for each process of one host
				addGauges(md, map[string]any{"host.name": "web1", "process.pid": int64(pid)}, "m", v)
			}
			addGauges(md, map[string]any{"host.name": "web2"}, "m", 0.1)
			r.send(md)
			return r.said()
		}
		require.Empty(t, only(send(0.1, 0.1, 0.1, 0.1), "anomaly.score"), "nothing to say of normal series")

		scores := only(send(0.95, 0.1, 0.1, 0.1), "anomaly.score")
		require.Len(t, scores, 1)
		require.InDelta(t, 1.0, scores[0].value, 0)
		require.Equal(t, map[string]any{"anomaly.metric": "m"}, scores[0].attr)
		require.Equal(t, map[string]any{"host.name": "web1", "process.pid": int64(0)}, scores[0].resource)
		require.Equal(t, scopeName, scores[0].scope)

		time.Sleep(11 * time.Second)
		synctest.Wait()
		said := r.said()
		byHost := func(metric, hostName string) map[string]float64 {
			out := map[string]float64{}
			for _, p := range only(said, metric) {
				require.Len(t, p.resource, 1, "hosts, not processes")
				if p.resource["host.name"] == hostName {
					severity, _ := p.attr["anomaly.severity"].(string)
					out[severity] = p.value
				}
			}
			return out
		}
		require.Equal(t, map[string]float64{"info": 0, "warning": 0, "critical": 1}, byHost("anomaly.active", "web1"))
		require.Equal(t, map[string]float64{"info": 0, "warning": 0, "critical": 0}, byHost("anomaly.active", "web2"))
		require.Equal(t, map[string]float64{"": 0.25}, byHost("anomaly.rate", "web1"))
		require.Equal(t, map[string]float64{"": 0}, byHost("anomaly.rate", "web2"))
		require.Equal(t, map[string]float64{"info": 0, "warning": 0, "critical": 1}, byHost("anomaly.detections", "web1"))

		scores = only(send(0.1, 0.1, 0.1, 0.1), "anomaly.score")
		require.Len(t, scores, 1)
		require.Zero(t, scores[0].value, "the closing 0")
		require.Empty(t, only(send(0.1, 0.1, 0.1, 0.1), "anomaly.score"))
		send(0.1, 0.95, 0.1, 0.1)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		said = r.said()
		require.InDelta(t, 2.0, byHost("anomaly.detections", "web1")["critical"], 0, "cumulative")
		require.InDelta(t, 1.0, byHost("anomaly.active", "web1")["critical"], 0)
	})
}

func TestOwnOutputIsNotScoredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, `rules: [{name: all, metric: "*", condition: value >= 0}]`, nil)
		defer r.stop()
		r.send(gauges(web1, "anomaly.rate", 0.5))
		require.Empty(t, r.said()[0].attr)
	})
}

func TestTheTableIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, eager+"max_series: 2\nstale_after: 1m", nil)
		defer r.stop()
		r.send(gauges(web1, "m", 1, 2, 3, 4, 5))
		require.Len(t, r.said(), 5, "all pass")
		metadatatest.AssertEqualProcessorAnomalySeriesTracked(t, r.tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualProcessorAnomalySeriesRefused(t, r.tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
		require.Equal(t, 1, r.logs.FilterMessageSnippet("the table is full").Len())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		metadatatest.AssertEqualProcessorAnomalySeriesTracked(t, r.tel, []metricdata.DataPoint[int64]{{Value: 0}}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualProcessorAnomalySeriesEvicted(t, r.tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	})
}

func TestTelemetryCountsScoredSkippedAndTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, hotRule, nil)
		defer r.stop()
		r.play("m", "0.95x2 0.1")
		r.send(gauges(web1, "other", 1))
		r.play("m", "nan")
		metadatatest.AssertEqualProcessorAnomalyPointsScored(t, r.tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
		of := func(key, v string, n int64) metricdata.DataPoint[int64] {
			return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String(key, v))}
		}
		metadatatest.AssertEqualProcessorAnomalyPointsSkipped(t, r.tel, []metricdata.DataPoint[int64]{
			of("reason", string(reasonExcluded), 1), of("reason", string(series.NotANumber), 1),
		}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualProcessorAnomalyFindings(t, r.tel, []metricdata.DataPoint[int64]{
			of("state", "firing", 1), of("state", "resolved", 1),
		}, metricdatatest.IgnoreTimestamp())
		got, err := r.tel.GetMetric("otelcol_processor_anomaly_batch_duration")
		require.NoError(t, err)
		require.Equal(t, uint64(5), got.Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
	})
}

func TestItPrintsWhatItWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, hotRule, nil)
		defer r.stop()
		for _, line := range []string{"watches series", "watches for rules", "watches with detectors", "annotates points"} {
			require.Equal(t, 1, r.logs.FilterMessage(line).Len(), line)
		}
		require.Equal(t, "hot", r.logs.FilterMessage("watches for rules").All()[0].ContextMap()["names"])
	})
}

func TestARefusingConsumerIsSaidAndSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := processortest.NewNopSettings(metadata.Type)
		p, err := newProcessor(set, configure(t, hotRule), consumertest.NewErr(errors.New("full")))
		require.NoError(t, err)
		require.NoError(t, p.start(t.Context(), nil))
		_, err = p.process(t.Context(), gauges(web1, "m", 1))
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		require.NoError(t, p.shutdown(t.Context()))
	})
}

// Concurrent batches that share series and hosts, with the loops running: the
// race detector watches, and no point is lost.
func TestConcurrentBatches(t *testing.T) {
	set := processortest.NewNopSettings(metadata.Type)
	sink := new(consumertest.MetricsSink)
	cfg := configure(t, nginxAbsent+"")
	cfg.ZScore.Enabled, cfg.CompanionMetrics.Enabled = true, true
	cfg.Rules = append(cfg.Rules, RuleConfig{Name: "hot", Metric: "m", Condition: "value > 0.9", Severity: finding.Critical})
	p, err := newProcessor(set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.start(t.Context(), nil))
	var workers sync.WaitGroup
	base := time.Now()
	for w := range 4 {
		workers.Go(func() {
			for i := range 200 {
				md := process("web1", "nginx", fmt.Sprintf("p%d", i%7))
				addGauges(md, web1, "m", float64((i/10)%2), 0.5, float64(w))
				for _, rm := range md.ResourceMetrics().All() {
					for _, dp := range rm.ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().All() {
						dp.SetTimestamp(pcommon.NewTimestampFromTime(base.Add(time.Duration(4*i+w) * time.Millisecond)))
					}
				}
				out, err := p.process(t.Context(), md)
				if err != nil || len(only(pointsOf(out), "m")) != 3 {
					panic("points were lost")
				}
				if i%50 == 0 {
					p.sweep(t.Context(), time.Now(), true)
				}
			}
		})
	}
	workers.Wait()
	require.NoError(t, p.shutdown(t.Context()))
	var firing int64
	for _, h := range p.hosts.list() {
		for i := range h.firing {
			require.GreaterOrEqual(t, h.firing[i].Load(), int64(0))
			firing += h.firing[i].Load()
		}
	}
	open := int64(0)
	p.table.Range(func(_ series.Key, _ time.Time, s *slot) bool {
		if s.gate.Firing() {
			open++
		}
		return true
	})
	require.Equal(t, open, firing, "anomaly.active is what really fires")
}
