// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
)

// Companions appends companion metrics of one resource to a batch: each metric
// once, with as many points as it is given. It is not safe for concurrent use.
type Companions struct {
	md                        pmetric.Metrics
	resource                  pcommon.Resource
	schemaURL, scope, version string

	begun                           bool // metrics is set
	metrics                         pmetric.MetricSlice
	score, active, rate, detections pmetric.NumberDataPointSlice
}

// AppendCompanions prepares companion metrics under a copy of resource at the
// end of md, with the given instrumentation scope. Nothing is appended before
// the first number is.
func AppendCompanions(md pmetric.Metrics, resource pcommon.Resource, schemaURL, scope, version string) *Companions {
	return &Companions{md: md, resource: resource, schemaURL: schemaURL, scope: scope, version: version}
}

// Score appends anomaly.score of one series: its own point attributes, the
// metric's name and the field. A closing 0 ends it. A score that does not
// apply (NaN) is left out.
func (c *Companions) Score(metric, field string, attributes pcommon.Map, score float64, at time.Time) {
	if math.IsNaN(score) {
		return
	}
	if c.score == (pmetric.NumberDataPointSlice{}) {
		c.score = c.gauge(finding.MetricScore, "1", "How far a series is from normal; 1 is the alarm level.")
	}
	p := c.score.AppendEmpty()
	attributes.CopyTo(p.Attributes())
	strip(p.Attributes())
	p.Attributes().PutStr(finding.AttrMetric, metric)
	putText(p.Attributes(), finding.AttrField, field)
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetDoubleValue(score)
}

// Active appends anomaly.active: how many series of the resource fire at this
// severity.
func (c *Companions) Active(severity finding.Severity, firing int64, at time.Time) {
	if c.active == (pmetric.NumberDataPointSlice{}) {
		c.active = c.gauge(finding.MetricActive, "{series}", "Series that fire now.")
	}
	p := c.active.AppendEmpty()
	putText(p.Attributes(), finding.AttrSeverity, string(severity))
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetIntValue(firing)
}

// Rate appends anomaly.rate: the share of the resource's watched series that
// fire, from 0 to 1.
func (c *Companions) Rate(share float64, at time.Time) {
	if c.rate == (pmetric.NumberDataPointSlice{}) {
		c.rate = c.gauge(finding.MetricRate, "1", "Share of the watched series that fire now.")
	}
	p := c.rate.AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetDoubleValue(share)
}

// Detections appends anomaly.detections: how many episodes of this severity
// fired since start.
func (c *Companions) Detections(severity finding.Severity, total int64, start, at time.Time) {
	if c.detections == (pmetric.NumberDataPointSlice{}) {
		sum := c.metric(finding.MetricDetections, "{episode}", "Episodes that fired.").SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		c.detections = sum.DataPoints()
	}
	p := c.detections.AppendEmpty()
	putText(p.Attributes(), finding.AttrSeverity, string(severity))
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetIntValue(total)
}

func (c *Companions) gauge(name, unit, description string) pmetric.NumberDataPointSlice {
	return c.metric(name, unit, description).SetEmptyGauge().DataPoints()
}

// metric appends an empty metric, and before the first one its resource and
// scope.
func (c *Companions) metric(name, unit, description string) pmetric.Metric {
	if !c.begun {
		rm := c.md.ResourceMetrics().AppendEmpty()
		c.resource.CopyTo(rm.Resource())
		strip(rm.Resource().Attributes())
		rm.SetSchemaUrl(c.schemaURL)
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName(c.scope)
		sm.Scope().SetVersion(c.version)
		c.metrics, c.begun = sm.Metrics(), true
	}
	m := c.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(description)
	return m
}
