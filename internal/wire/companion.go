// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
)

// Origin is a lasting copy of where a point came from: resource, scope,
// metric, and point attributes without any value. It is taken when an
// episode begins or a rule watches for absence, so that a series that has fallen silent
// can still be spoken of. It is immutable and may be shared.
type Origin struct{ md pmetric.Metrics }

// Origin copies where p came from.
func (p *Point) Origin() Origin { return Origin{} }

// NewOrigin describes a series that no point was seen of, e.g. for a rule that
// watches for absence. The metric is a gauge.
func NewOrigin(resource pcommon.Resource, scope, metric, unit string, attributes pcommon.Map) Origin {
	return Origin{}
}

// Resource is the resource of the series; read only.
func (o Origin) Resource() pcommon.Resource { return pcommon.NewResource() }

// Attributes are the attributes of the series' points; read only.
func (o Origin) Attributes() pcommon.Map { return pcommon.NewMap() }

// MetricName is the metric's name.
func (o Origin) MetricName() string { return "" }

// Unit is the metric's unit.
func (o Origin) Unit() string { return "" }

// AppendSilence appends a synthetic point of the series to md: the original
// resource, scope, metric and attributes, no recorded value, the timestamp
// f.Time, and f as attributes.
func (o Origin) AppendSilence(md pmetric.Metrics, f *finding.Finding) {}

// Companions appends companion metrics of one resource to a batch.
type Companions struct{}

// AppendCompanions prepares companion metrics under a copy of resource at the
// end of md, with the given instrumentation scope. Nothing is appended until
// the first number is.
func AppendCompanions(md pmetric.Metrics, resource pcommon.Resource, schemaURL, scopeName, scopeVersion string) *Companions {
	return &Companions{}
}

// Score appends anomaly.score of one series: its own point attributes, the
// metric's name and the field. A closing 0 ends it.
func (c *Companions) Score(metric, field string, attributes pcommon.Map, score float64, at time.Time) {
}

// Active appends anomaly.active: how many series of the resource fire at this
// severity.
func (c *Companions) Active(severity finding.Severity, firing int64, at time.Time) {}

// Rate appends anomaly.rate: the share of the resource's watched series that
// fire, from 0 to 1.
func (c *Companions) Rate(share float64, at time.Time) {}

// Detections appends anomaly.detections: how many episodes of this severity
// fired since start.
func (c *Companions) Detections(severity finding.Severity, total int64, start, at time.Time) {}
