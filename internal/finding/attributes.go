// SPDX-License-Identifier: Apache-2.0

package finding

// Attributes that detection writes onto a datapoint. The prefix is ours:
// incoming attributes that carry it are stripped before detection.
const (
	AttrPrefix    = "anomaly."
	AttrID        = "anomaly.id"
	AttrState     = "anomaly.state"
	AttrScore     = "anomaly.score"
	AttrZScore    = "anomaly.z_score"
	AttrPValue    = "anomaly.p_value"
	AttrKind      = "anomaly.kind"
	AttrDirection = "anomaly.direction"
	AttrExpected  = "anomaly.expected"
	AttrValue     = "anomaly.value" // the scored number, where it is not the point's own value
	AttrField     = "anomaly.field" // count_rate, mean, p99 …, for histograms and summaries
	AttrDetectors = "anomaly.detectors"
	AttrRules     = "anomaly.rules"
	AttrSeverity  = "anomaly.severity"
	AttrFault     = "anomaly.fault"
)

// Companion metrics: what backends get from detection.
const (
	MetricScore      = "anomaly.score"      // gauge, 1: series that are not normal, and a closing 0
	MetricActive     = "anomaly.active"     // gauge, {series}: firing series per severity and resource
	MetricRate       = "anomaly.rate"       // gauge, 1: share of a resource's watched series that fire
	MetricDetections = "anomaly.detections" // cumulative sum, {episode}: episodes that fired

	// AttrMetric names the source metric on a companion point.
	AttrMetric = "anomaly.metric"
)
