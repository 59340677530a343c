// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/internal/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Unix(1_700_000_000, 0).UTC()

// stamp is a moment of a test's story, in seconds.
func stamp(s float64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(epoch.Add(time.Duration(s * float64(time.Second))))
}

func moment(s float64) time.Time { return stamp(s).AsTime() }

// oneMetric makes a batch of one resource, scope and metric, and returns the
// metric to be filled.
func oneMetric(name string) (pmetric.Metrics, pmetric.Metric) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("host.name", "db1")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("scope")
	m := sm.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit("By")
	return md, m
}

func gauge(name string, at float64, v float64) pmetric.Metrics {
	md, m := oneMetric(name)
	dp := m.SetEmptyGauge().DataPoints().AppendEmpty()
	dp.SetTimestamp(stamp(at))
	dp.SetDoubleValue(v)
	dp.Attributes().PutStr("device", "sda")
	return md
}

// seen is what became of one number.
type seen struct {
	field string
	value float64
	why   series.Reason
}

// scorer does what the processor does: one memory for each key.
type scorer struct {
	memories map[series.Key]*series.Memory
	got      []seen
	points   []Point // copies, valid as long as the metrics are
}

func (s *scorer) Visit(p *Point) {
	s.points = append(s.points, *p)
	if p.Reason != series.Scored {
		s.got = append(s.got, seen{field: p.Field, why: p.Reason})
		return
	}
	if s.memories == nil {
		s.memories = map[series.Key]*series.Memory{}
	}
	m := s.memories[p.Key]
	if m == nil {
		m = &series.Memory{}
		s.memories[p.Key] = m
	}
	sample, why := m.Observe(&p.Reading)
	s.got = append(s.got, seen{field: p.Field, value: sample.Value, why: why})
}

func newReader() *Reader {
	return NewReader(ReaderSettings{MaxSeries: 1000, StaleAfter: time.Hour})
}
