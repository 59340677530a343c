// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/homeostat/homeostat/processor/anomalyprocessor/internal/metadatatest"
)

const quiet = "zscore: {enabled: false}\ncompanion_metrics: {enabled: false}\n"

func TestRuleScenarios(t *testing.T) {
	for _, c := range []struct {
		name, rule, give, want string
	}{
		{"at once, from the first point", `{name: r, metric: m, condition: value > 0.9}`, "0.95 0.5x2", "Fr."},
		{"for", `{name: r, metric: m, condition: value > 0.9, for: 20s}`, "0.5 0.95x4 0.5x2", ".p2F2r."},
		{"pending that calms down ends too", `{name: r, metric: m, condition: value > 0.9, for: 20s}`, "0.5 0.95x2 0.5x2", ".p2r."},
		{"clear", `{name: r, metric: m, condition: value > 0.9, clear: value < 0.8}`, "0.95 0.85x3 0.7x2", "F4r."},
		{"keep_firing_for", `{name: r, metric: m, condition: value > 0.9, keep_firing_for: 20s}`, "0.95 0.5x5", "F3r.2"},
		{"glob", `{name: r, metric: "m*", condition: value > 0.9}`, "0.95", "F"},
		{"another metric", `{name: r, metric: other, condition: value > 0.9}`, "0.95x3", ".3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, quiet+"rules: ["+c.rule+"]", nil)
				defer r.stop()
				require.Equal(t, c.want, squeeze(r.play("m", c.give)))
			})
		})
	}
}

func TestRuleFindingCarriesTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, quiet+`
rules:
  - {name: warm, metric: m, condition: value > 0.5, severity: info, fault: warm, direction: up}
  - {name: hot, metric: m, condition: value > 0.9, severity: critical, fault: hot}
  - {name: waiting, metric: m, condition: value > 0.9, severity: critical, fault: waiting, for: 1h}
`, nil)
		defer r.stop()
		r.send(gauges(web1, "m", 0.95))
		firing := r.said()[0]
		require.Equal(t, "firing", firing.state())
		require.InDelta(t, 1.0, firing.score(), 0)
		require.Equal(t, "threshold", firing.attr["anomaly.kind"])
		require.Equal(t, "up", firing.attr["anomaly.direction"])
		require.Equal(t, "critical", firing.attr["anomaly.severity"], "the heaviest wins")
		require.Equal(t, "hot", firing.attr["anomaly.fault"], "and gives the fault; a rule that waits gives nothing")
		require.Equal(t, []any{"warm", "hot"}, firing.attr["anomaly.rules"])
		require.Len(t, firing.id(), 16)
		for _, absent := range []string{"anomaly.z_score", "anomaly.p_value", "anomaly.expected", "anomaly.detectors", "anomaly.value"} {
			require.NotContains(t, firing.attr, absent)
		}

		time.Sleep(time.Second)
		r.send(gauges(web1, "m", 0.6))
		lighter := r.said()[0]
		require.Equal(t, firing.id(), lighter.id())
		require.Equal(t, "warm", lighter.attr["anomaly.fault"])

		time.Sleep(time.Second)
		r.send(gauges(web1, "m", 0.1))
		resolved := r.said()[0]
		require.Equal(t, "resolved", resolved.state())
		require.Equal(t, firing.id(), resolved.id())
		require.Equal(t, "warm", resolved.attr["anomaly.fault"], "what is over is named")
		require.Equal(t, []any{"warm"}, resolved.attr["anomaly.rules"])
		require.Less(t, resolved.score(), 1.0)

		time.Sleep(time.Second)
		r.send(gauges(web1, "m", 0.1))
		require.Empty(t, r.said()[0].attr)
	})
}

func TestRulesSeeRatesOfCountersAndExcludedMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, `
exclude: ["*"]
companion_metrics: {enabled: false}
rules: [{name: busy, metric: requests, condition: 'value > 10 and metric.type == "sum" and attributes["code"] == 500'}]
`, nil)
		defer r.stop()
		total := int64(1 << 60) // beyond what a float64 tells apart
		send := func(add int64) outPoint {
			time.Sleep(10 * time.Second)
			total += add
			md := gauges(web1, "requests", 0)
			m := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
			dp := m.Gauge().DataPoints().At(0)
			dp.SetIntValue(total)
			dp.Attributes().PutInt("code", 500)
			points := pmetric.NewNumberDataPointSlice()
			m.Gauge().DataPoints().MoveAndAppendTo(points)
			sum := m.SetEmptySum()
			sum.SetIsMonotonic(true)
			sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			points.MoveAndAppendTo(sum.DataPoints())
			r.send(md)
			return r.said()[0]
		}
		require.Empty(t, send(0).state(), "the first point of a counter has no rate")
		require.Empty(t, send(99).state(), "9.9 a second")
		fired := send(101)
		require.Equal(t, "firing", fired.state(), "10.1 a second")
		require.InDelta(t, 10.1, fired.attr["anomaly.value"], 1e-9, "the scored number is told where the point does not")
	})
}

func TestRuleErrorsAreCountedAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, quiet+`rules: [{name: odd, metric: m, condition: 'Substring(attributes["n"], 0, 1) == "1"'}]`, nil)
		defer r.stop()
		for range 3 {
			time.Sleep(time.Second)
			r.send(gauges(web1, "m", 1, 2)) // n is an int where a text is asked for
		}
		for _, p := range r.said() {
			require.Empty(t, p.state(), "an error is no breach")
		}
		metadatatest.AssertEqualProcessorAnomalyRuleErrors(t, r.tel, []metricdata.DataPoint[int64]{
			{Value: 6, Attributes: attribute.NewSet(attribute.String("rule", "odd"))},
		}, metricdatatest.IgnoreTimestamp())
		require.Equal(t, 1, r.logs.FilterMessageSnippet("cannot be evaluated").Len())
	})
}

// process makes the metrics of a host with the given processes.
func process(hostName string, names ...string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for i, name := range names {
		addGauges(md, map[string]any{"host.name": hostName, "process.executable.name": name, "process.pid": int64(100 + i)}, "process.memory.usage", 1e6)
	}
	return md
}

const nginxAbsent = quiet + `rules:
  - name: nginx-absent
    absent: {metric: process.memory.usage, attributes: {process.executable.name: nginx}}
    for: 15s
    fault: service_down
    severity: critical
`

// states plays seconds of a host: each letter is one scrape 5 s after the one
// before; n nginx and another process, o only the other, . nothing at all.
func (r *rig) scrapes(hostName, letters string) (synthetic []outPoint) {
	for _, l := range letters {
		time.Sleep(5 * time.Second)
		switch l {
		case 'n':
			r.send(process(hostName, "sshd", "nginx"))
		case 'o':
			r.send(process(hostName, "sshd"))
		}
	}
	time.Sleep(2 * time.Second)
	synctest.Wait()
	for _, p := range r.said() {
		if p.noValue {
			synthetic = append(synthetic, p)
		}
	}
	return synthetic
}

func TestAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, strings.Replace(nginxAbsent, "enabled: false}\nrules", "enabled: false, interval: 10s}\nrules", 1), nil)
		defer r.stop()
		require.Empty(t, r.scrapes("web1", "nnnn"))
		gone := r.scrapes("web1", "oooooooo")
		require.Greater(t, len(gone), 1, "reminded each interval")
		for _, p := range gone {
			require.Equal(t, "firing", p.state())
			require.Equal(t, gone[0].id(), p.id())
			require.Equal(t, "process.memory.usage", p.metric)
			require.Equal(t, map[string]any{"host.name": "web1"}, p.resource)
			require.Equal(t, "nginx", p.attr["process.executable.name"])
			require.Equal(t, "silence", p.attr["anomaly.kind"])
			require.Equal(t, "service_down", p.attr["anomaly.fault"])
			require.Equal(t, "critical", p.attr["anomaly.severity"])
			require.Equal(t, []any{"nginx-absent"}, p.attr["anomaly.rules"])
			require.GreaterOrEqual(t, p.score(), 1.0)
		}
		back := r.scrapes("web1", "nnn")
		require.Len(t, back, 1)
		require.Equal(t, "resolved", back[0].state())
		require.Equal(t, gone[0].id(), back[0].id())
		again := r.scrapes("web1", "ooooo")
		require.NotEqual(t, gone[0].id(), again[0].id(), "another episode")
	})
}

func TestAbsenceOfWhatWasNeverSeen(t *testing.T) {
	for name, c := range map[string]struct {
		feed  func(r *rig) []outPoint
		wants []map[string]any // resources
	}{
		"the host reports other processes": {
			func(r *rig) []outPoint { return r.scrapes("web1", "oooooo") }, []map[string]any{{"host.name": "web1"}},
		},
		"the host reports other metrics only": {
			func(r *rig) []outPoint {
				for range 20 {
					time.Sleep(5 * time.Second)
					r.send(gauges(map[string]any{"host.name": "db1"}, "system.load", 1))
					r.send(gauges(map[string]any{"service.name": "shop"}, "orders", 1))
				}
				return r.scrapes("", "")
			}, []map[string]any{{"host.name": "db1"}},
		},
		"nothing is reported at all": {
			func(r *rig) []outPoint { time.Sleep(61 * time.Second); return r.scrapes("", "") }, []map[string]any{{}},
		},
		"within the grace": {
			func(r *rig) []outPoint { time.Sleep(50 * time.Second); return r.scrapes("", "") }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, nginxAbsent, nil)
				defer r.stop()
				var resources []map[string]any
				ids := map[string]bool{}
				for _, p := range c.feed(r) {
					require.Equal(t, "firing", p.state())
					if !ids[p.id()] {
						resources = append(resources, p.resource)
					}
					ids[p.id()] = true
				}
				require.Equal(t, c.wants, resources)
			})
		})
	}
}

func TestAbsenceOnTheNamelessHostEndsWhenTheSeriesComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nginxAbsent, nil)
		defer r.stop()
		time.Sleep(70 * time.Second)
		fired := r.scrapes("", "")
		require.NotEmpty(t, fired)
		back := r.scrapes("web1", "n")
		require.Equal(t, "resolved", back[len(back)-1].state())
		require.Equal(t, fired[0].id(), back[len(back)-1].id())
	})
}

func TestAbsenceIsJudgedForEachHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nginxAbsent, nil)
		defer r.stop()
		for i := range 12 {
			time.Sleep(5 * time.Second)
			r.send(process("web1", "sshd", "nginx"))
			if i < 3 {
				r.send(process("web2", "sshd", "nginx"))
			} else {
				r.send(process("web2", "sshd"))
			}
		}
		missing := r.scrapes("", "")
		require.NotEmpty(t, missing)
		for _, p := range missing {
			require.Equal(t, "web2", p.resource["host.name"])
		}
	})
}

func TestAbsenceCanNameItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, quiet+`
rules: [{name: r, for: 15s, absent: {metric: process.memory.usage, attributes: {process.executable.name: nginx, host.name: "web*"}}}]
`, nil)
		defer r.stop()
		require.NotEmpty(t, r.scrapes("web1", "oooooo"))
		require.Empty(t, only(r.scrapes("db1", "oooooo"), "db1"))
		for _, p := range r.scrapes("db1", "oooooo") {
			require.Equal(t, "web1", p.resource["host.name"], "nobody expects nginx on db1")
		}
	})
}

func TestAbsenceOfAHostThatIsForgottenIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, nginxAbsent+"stale_after: 5m\n", nil)
		defer r.stop()
		fired := r.scrapes("web1", "noooooo")
		require.NotEmpty(t, fired)
		time.Sleep(10 * time.Minute)
		rest := r.scrapes("", "")
		last := rest[len(rest)-1]
		require.Equal(t, "unknown", last.state())
		require.Equal(t, fired[0].id(), last.id())
	})
}
