// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
)

// Annotate says which datapoints get anomaly.* attributes.
type Annotate string

const (
	AnnotateFlagged Annotate = "flagged" // points of series that are not normal, and the first normal one after
	AnnotateAll     Annotate = "all"     // every scored point
	AnnotateNone    Annotate = "none"    // no point; companion metrics and telemetry only
)

// Config configures the anomaly processor.
type Config struct {
	// Annotate says which datapoints get anomaly.* attributes: flagged, all or none.
	Annotate Annotate `mapstructure:"annotate"`
	// Include lists globs of the metrics whose series the detectors watch. Rules see the metrics that they name in any case.
	Include []string `mapstructure:"include"`
	// Exclude lists globs of the metrics whose series the detectors do not watch. It wins over Include.
	Exclude []string `mapstructure:"exclude"`
	// Ignore maps a point attribute to values whose series the detectors do not watch: complements say nothing new. An
	// empty list switches a default off.
	Ignore map[string][]string `mapstructure:"ignore"`
	// Quantiles are derived from histograms.
	Quantiles []float64 `mapstructure:"quantiles"`
	// MaxSeries bounds how many series are watched. Further ones pass unwatched and are counted.
	MaxSeries int `mapstructure:"max_series"`
	// StaleAfter is how long a series may be silent before it is forgotten.
	StaleAfter time.Duration `mapstructure:"stale_after"`
	// ZScore configures the detector zscore.
	ZScore ZScoreConfig `mapstructure:"zscore"`
	// Gate says how many breaches of the detectors make an episode.
	Gate GateConfig `mapstructure:"gate"`
	// CompanionMetrics configures the metrics that backends get.
	CompanionMetrics CompanionConfig `mapstructure:"companion_metrics"`
	// Rules name faults.
	Rules []RuleConfig `mapstructure:"rules"`
	// Storage is the extension that keeps the state across restarts and reloads.
	Storage *component.ID `mapstructure:"storage"`
	// SnapshotInterval is how often the state is written to Storage.
	SnapshotInterval time.Duration `mapstructure:"snapshot_interval"`
}

// ZScoreConfig configures the detector zscore.
type ZScoreConfig struct {
	// Enabled switches the detector on.
	Enabled bool `mapstructure:"enabled"`
	// Threshold is the number of deviations at the alarm level.
	Threshold float64 `mapstructure:"threshold"`
	// Memory is how much of the past the baseline weighs. A level that lasts for about a sixth of it is the new normal.
	Memory time.Duration `mapstructure:"memory"`
	// WarmUp is the age at which a new series begins to be scored.
	WarmUp time.Duration `mapstructure:"warm_up"`
	// Direction is the side that matters: up, down or both.
	Direction detect.Side `mapstructure:"direction"`
	// MinAbs is the least interesting change in the unit of the series.
	MinAbs float64 `mapstructure:"min_abs"`
	// MinRel is the least interesting change as a share of the mean.
	MinRel float64 `mapstructure:"min_rel"`
	// Severity of what the detector finds: info, warning or critical.
	Severity finding.Severity `mapstructure:"severity"`
}

// GateConfig says how many scores of the detectors make and end an episode,
// and what becomes of a series that flaps. Rules have their own `for`.
type GateConfig struct {
	// Fire is how many of the last scores must reach 1.0.
	Fire OutOf `mapstructure:"fire"`
	// Clear is how many of the last scores must be below ClearLevel.
	Clear OutOf `mapstructure:"clear"`
	// ClearLevel is the score below which a point is calm.
	ClearLevel float64 `mapstructure:"clear_level"`
	// For is how long the first breach must lie back before the series fires.
	For time.Duration `mapstructure:"for"`
	// FlapCount is how many episodes in quick succession make a series flap. 0 switches the protection off.
	FlapCount int `mapstructure:"flap_count"`
	// FlapHold is what quick means, and how long a flapping series must be calm before it resolves.
	FlapHold time.Duration `mapstructure:"flap_hold"`
}

// CompanionConfig configures the companion metrics.
type CompanionConfig struct {
	// Enabled adds anomaly.score, anomaly.active, anomaly.rate and anomaly.detections.
	Enabled bool `mapstructure:"enabled"`
	// Interval is how often the metrics of each host are emitted, and how often a missing series is reported again.
	Interval time.Duration `mapstructure:"interval"`
}

// RuleConfig is one rule: Metric with Condition, or Absent.
type RuleConfig struct {
	// Name is how findings, plans and logs refer to the rule.
	Name string `mapstructure:"name"`
	// Metric is the name of the metric, or a glob.
	Metric string `mapstructure:"metric"`
	// Condition is an OTTL condition on the scored number and its origin.
	Condition string `mapstructure:"condition"`
	// Clear is an OTTL condition that ends a breach. Default: not Condition.
	Clear string `mapstructure:"clear"`
	// For is how long the condition must hold before the rule fires.
	For time.Duration `mapstructure:"for"`
	// KeepFiringFor is how long the rule must be clear before it resolves.
	KeepFiringFor time.Duration `mapstructure:"keep_firing_for"`
	// Fault is the class of fault, e.g. disk_full; plans match on it.
	Fault string `mapstructure:"fault"`
	// Severity is info, warning or critical. Default: warning.
	Severity finding.Severity `mapstructure:"severity"`
	// Direction is up or down, where it makes sense.
	Direction finding.Direction `mapstructure:"direction"`
	// Absent describes series of which each host must report at least one.
	Absent *AbsentConfig `mapstructure:"absent"`
}

// AbsentConfig describes expected series.
type AbsentConfig struct {
	// Metric is the name of the metric, or a glob.
	Metric string `mapstructure:"metric"`
	// Attributes must be on the point or its resource. Values may be globs.
	Attributes map[string]string `mapstructure:"attributes"`
}

// OutOf is "k of n".
type OutOf struct{ k, n int }

// UnmarshalText reads "3 of 5".
func (o *OutOf) UnmarshalText(text []byte) error {
	var read OutOf
	var rest string
	if n, _ := fmt.Sscanf(string(text)+" .", "%d of %d %s", &read.k, &read.n, &rest); n != 3 || rest != "." {
		return fmt.Errorf("must be written like 3 of 5 (got %q)", text)
	}
	*o = read
	return nil
}

// MarshalText writes "3 of 5".
func (o OutOf) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

func (o OutOf) String() string { return fmt.Sprintf("%d of %d", o.k, o.n) }

func createDefaultConfig() component.Config {
	return &Config{
		Annotate:   AnnotateFlagged,
		Ignore:     map[string][]string{"state": {"idle", "free"}},
		Quantiles:  series.DefaultQuantiles(),
		MaxSeries:  100_000,
		StaleAfter: time.Hour,
		ZScore: ZScoreConfig{
			Enabled: true, Threshold: 6, Memory: 24 * time.Hour, WarmUp: 15 * time.Minute,
			Direction: detect.Both, MinRel: 0.05, Severity: finding.Info,
		},
		Gate: GateConfig{
			Fire: OutOf{k: 3, n: 5}, Clear: OutOf{k: 3, n: 3}, ClearLevel: 0.8,
			FlapCount: 3, FlapHold: 2 * time.Minute,
		},
		CompanionMetrics: CompanionConfig{Enabled: true, Interval: 30 * time.Second},
		SnapshotInterval: time.Minute,
	}
}

// Validate finds what is wrong with the configuration, all of it at once.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.Annotate != AnnotateFlagged && c.Annotate != AnnotateAll && c.Annotate != AnnotateNone,
		"annotate must be flagged, all or none (got %q)", c.Annotate)
	wrong(hasEmpty(c.Include), "include must not hold an empty name; leave include out to watch every metric")
	wrong(hasEmpty(c.Exclude), "exclude must not hold an empty name; leave exclude out to exclude none")
	for key, values := range c.Ignore {
		wrong(key == "" || hasEmpty(values), "ignore must map an attribute to values, for example {state: [idle]} (got %q: %q)", key, values)
	}
	seen := map[float64]bool{}
	for _, q := range c.Quantiles {
		wrong(!(q > 0 && q < 1), "quantiles must lie between 0 and 1, for example 0.99 (got %g)", q)
		wrong(seen[q], "quantiles must differ (got %g twice)", q)
		seen[q] = true
	}
	wrong(len(c.Quantiles) > maxQuantiles, "quantiles must be at most %d, each is a series of its own (got %d)", maxQuantiles, len(c.Quantiles))
	wrong(c.MaxSeries < 1, "max_series must be at least 1 (got %d)", c.MaxSeries)
	wrong(c.StaleAfter < time.Minute, "stale_after must be at least 1m, or series are forgotten between two scrapes (got %s)", c.StaleAfter)
	wrong(c.SnapshotInterval < time.Second, "snapshot_interval must be at least 1s (got %s)", c.SnapshotInterval)
	errs = append(errs, c.ZScore.validate(), c.Gate.validate(), c.CompanionMetrics.validate())
	if _, err := c.compileRules(component.TelemetrySettings{Logger: zap.NewNop()}); err != nil {
		errs = append(errs, fmt.Errorf("rules: %w", err))
	}
	return errors.Join(errs...)
}

// maxQuantiles bounds what one histogram may turn into.
const maxQuantiles = 16

func hasEmpty(texts []string) bool {
	for _, t := range texts {
		if strings.TrimSpace(t) == "" {
			return true
		}
	}
	return false
}

func (c *ZScoreConfig) validate() error {
	switch {
	case !(c.Threshold > 0):
		return fmt.Errorf("zscore::threshold must be positive (got %g); 6 is the default", c.Threshold)
	case c.Memory < time.Minute:
		return fmt.Errorf("zscore::memory must be at least 1m (got %s); 24h is the default", c.Memory)
	case c.WarmUp < 0:
		return fmt.Errorf("zscore::warm_up must not be negative (got %s)", c.WarmUp)
	case c.Direction != detect.Both && c.Direction != detect.Above && c.Direction != detect.Below:
		return fmt.Errorf("zscore::direction must be both, up or down (got %q)", c.Direction)
	case !(c.MinAbs >= 0):
		return fmt.Errorf("zscore::min_abs must not be negative (got %g)", c.MinAbs)
	case !(c.MinRel >= 0):
		return fmt.Errorf("zscore::min_rel must not be negative (got %g)", c.MinRel)
	case c.Severity.Rank() == 0:
		return fmt.Errorf("zscore::severity must be info, warning or critical (got %q)", c.Severity)
	}
	return nil
}

func (c *GateConfig) validate() error {
	switch {
	case !c.Fire.valid():
		return fmt.Errorf("gate::fire must be k of n with 1 <= k <= n <= %d (got %s)", detect.MaxWindow, c.Fire)
	case !c.Clear.valid():
		return fmt.Errorf("gate::clear must be m of n with 1 <= m <= n <= %d (got %s)", detect.MaxWindow, c.Clear)
	case !(c.ClearLevel > 0 && c.ClearLevel <= 1):
		return fmt.Errorf("gate::clear_level must be above 0 and at most 1, the alarm level (got %g)", c.ClearLevel)
	case c.For < 0:
		return fmt.Errorf("gate::for must not be negative (got %s)", c.For)
	case c.FlapCount < 0 || c.FlapCount == 1:
		return fmt.Errorf("gate::flap_count must be 0 (off) or at least 2 (got %d)", c.FlapCount)
	case c.FlapHold <= 0:
		return fmt.Errorf("gate::flap_hold must be positive (got %s); set gate::flap_count to 0 to switch the protection off", c.FlapHold)
	}
	return nil
}

func (o OutOf) valid() bool { return 1 <= o.k && o.k <= o.n && o.n <= detect.MaxWindow }

func (c *CompanionConfig) validate() error {
	if c.Interval < time.Second {
		return fmt.Errorf("companion_metrics::interval must be at least 1s (got %s)", c.Interval)
	}
	return nil
}

// compileRules compiles the rules with the Collector's settings.
func (c *Config) compileRules(set component.TelemetrySettings) (*rule.Set, error) {
	parser, err := ottl.NewParser(rule.Converters(), rule.Path, set)
	if err != nil {
		return nil, err
	}
	specs := make([]rule.Spec, len(c.Rules))
	for i, r := range c.Rules {
		specs[i] = r.spec()
	}
	return rule.Compile(specs, parser)
}

func (c *RuleConfig) spec() rule.Spec {
	s := rule.Spec{
		Name: c.Name, Metric: rule.Pattern(c.Metric), Condition: c.Condition, Clear: c.Clear,
		For: c.For, KeepFiringFor: c.KeepFiringFor, Fault: c.Fault, Severity: c.Severity, Direction: c.Direction,
	}
	if c.Absent != nil {
		s.Absent = &rule.AbsentSpec{Metric: rule.Pattern(c.Absent.Metric), Attributes: map[string]rule.Pattern{}}
		for key, p := range c.Absent.Attributes {
			s.Absent.Attributes[key] = rule.Pattern(p)
		}
	}
	return s
}
