// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/wire"
)

// companions collects anomaly.score of one batch, to be appended when the walk
// is over. Its resources are those of the source points.
type companions struct {
	enabled bool
	version string

	md       pmetric.Metrics
	used     bool // md holds something
	resource pmetric.ResourceMetrics
	current  *wire.Companions
}

// score adds one number of the point's series.
func (c *companions) score(p *wire.Point, score float64) {
	if !c.enabled {
		return
	}
	if !c.used {
		c.md, c.used = pmetric.NewMetrics(), true
	}
	if p.ResourceMetrics != c.resource {
		c.resource = p.ResourceMetrics
		c.current = wire.AppendCompanions(c.md, p.Resource(), p.ResourceMetrics.SchemaUrl(), scopeName, c.version)
	}
	c.current.Score(p.Metric.Name(), p.Field, p.Attributes, score, time.Unix(0, p.Reading.Time))
}

// appendTo moves what was collected to the end of md.
func (c *companions) appendTo(md pmetric.Metrics) {
	if c.used {
		c.md.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
	}
}

func (c *companions) reset() {
	*c = companions{enabled: c.enabled, version: c.version}
}

// appendHost adds the bounded metrics of one host: seven series, whether
// anything is wrong or not, so that an alert on them needs no special case.
func appendHost(md pmetric.Metrics, h *host, version string, started, now time.Time) {
	c := wire.AppendCompanions(md, h.resource, "", scopeName, version)
	var firing int64
	for i, severity := range finding.Severities() {
		active := h.firing[i].Load()
		firing += active
		c.Active(severity, active+h.missing[i].Load(), now)
	}
	if watched := h.series.Load(); watched > 0 {
		c.Rate(min(1, float64(firing)/float64(watched)), now)
	}
	for i, severity := range finding.Severities() {
		c.Detections(severity, h.detections[i].Load(), started, now)
	}
}
