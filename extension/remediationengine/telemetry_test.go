// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// sum adds up a counter, or counts a histogram.
func (r *rig) sum(name string) int64 {
	r.t.Helper()
	m, err := r.tel.GetMetric(name)
	require.NoError(r.t, err, name)
	total := int64(0)
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			total += p.Value
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			total += p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			total += int64(p.Count)
		}
	default:
		r.t.Fatalf("%s is a %T", name, data)
	}
	return total
}

func TestTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) {
			cfg.MaxIncidents, cfg.QueueSize, cfg.MaxAuditRecords, cfg.Limits.WarmUp = 2, 16, 16, 5*time.Second
		})
		r.tel = componenttest.NewTelemetry()
		r.bad = &faulty{hang: make(chan struct{})}
		r.start()
		r.pass(5*time.Minute, always(finding.Firing))
		require.Equal(t, int64(3), r.sum("otelcol_remediation_engine_actions"))
		require.Positive(t, r.sum("otelcol_remediation_engine_decisions"))
		require.Equal(t, int64(1), r.sum("otelcol_remediation_engine_time_to_act"))
		require.Equal(t, int64(2), r.sum("otelcol_remediation_engine_time_to_verify"))
		require.Equal(t, int64(300), r.sum("otelcol_remediation_engine_evidence_offered"))
		require.Equal(t, int64(1), r.sum("otelcol_remediation_engine_incidents"))
		require.Equal(t, time.Now().Unix(), r.sum("otelcol_remediation_engine_heartbeat"))
		require.Positive(t, r.sum("otelcol_remediation_engine_audit_dropped"))

		var flood []finding.Finding
		for i := range 100 {
			flood = append(flood, finding.Finding{Series: series.Key{Lo: uint64(i + 1)}, State: finding.Firing})
		}
		r.Offer(flood)
		synctest.Wait()
		require.Equal(t, int64(84), r.sum("otelcol_remediation_engine_evidence_refused"))
		require.Equal(t, int64(16), r.sum("otelcol_remediation_engine_evidence_unmatched"))
		for i := range 3 {
			r.see(string(rune('a'+i)), finding.Firing, func(f *finding.Finding) {
				f.Fault, f.Attributes = "meteor", map[string]string{actuator.AttrMountpoint: fmt.Sprint("/", i)}
			})
		}
		require.Equal(t, int64(2), r.sum("otelcol_remediation_engine_incidents_refused"))
		r.stop()
		require.NoError(t, r.tel.Shutdown(t.Context()))
	})
}

func TestTenThousandFaultsStayBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, downPlan, func(cfg *Config) { cfg.MaxIncidents = 200 }).start()
		for i := range 10_000 {
			now := time.Now()
			r.Offer([]finding.Finding{{
				ID: "a", Series: series.Key{Lo: uint64(i + 1)}, State: finding.Firing, Score: 3, Fault: "meteor", Rules: []string{"r"}, Time: now, Received: now,
				Attributes: map[string]string{actuator.AttrMountpoint: fmt.Sprint("/", i)},
			}})
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		require.Len(t, r.book.List(), 200)
		require.LessOrEqual(t, len(r.intake.watched), 200)
		require.Empty(t, r.fake.executed)
		r.stop()
	})
}

func BenchmarkOffer(b *testing.B) {
	q := newIntake(4096)
	list := []finding.Finding{{Series: series.Key{Lo: 1}, State: finding.Firing}}
	for b.Loop() {
		if taken, _, _ := q.offer(list); taken == 0 {
			q.take()
		}
	}
}

func BenchmarkWatches(b *testing.B) {
	q := newIntake(16)
	q.listen(series.Key{Lo: 1}, 1)
	for b.Loop() {
		q.watches(series.Key{Lo: 2})
	}
}
