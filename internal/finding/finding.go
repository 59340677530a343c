// SPDX-License-Identifier: Apache-2.0

// Package finding says what detection saw in one series. It is the contract
// between the anomaly processor, which writes findings onto datapoints, and
// remediation, which reads them back. It imports only internal/series.
package finding

import (
	"time"

	"github.com/homeostat/homeostat/internal/series"
)

// State is where an episode stands.
type State string

const (
	Normal   State = "normal"   // ordinary; never written onto a point
	Pending  State = "pending"  // breached, but not for long enough
	Firing   State = "firing"   // breached for as long as the gate asks
	Resolved State = "resolved" // the first ordinary point after an episode
	Unknown  State = "unknown"  // the series fell silent during an episode: neither firing nor resolved
)

// Kind is the shape of what was seen.
type Kind string

const (
	Spike        Kind = "spike"
	LevelShift   Kind = "level_shift"
	Trend        Kind = "trend"
	Flatline     Kind = "flatline"
	Silence      Kind = "silence"
	Threshold    Kind = "threshold"
	Forecast     Kind = "forecast"
	Multivariate Kind = "multivariate"
)

// Direction is the side on which the value left its range.
type Direction string

const (
	Up   Direction = "up"
	Down Direction = "down"
)

// Severity orders findings for people; the rule or detector names it.
type Severity string

const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Severities lists every severity from light to heavy.
func Severities() []Severity { return []Severity{Info, Warning, Critical} }

// Rank orders severities: 1 info, 2 warning, 3 critical; 0 for anything else.
func (s Severity) Rank() int {
	for i, known := range Severities() {
		if s == known {
			return i + 1
		}
	}
	return 0
}

// Finding says that a series left its normal range, how far, and by whose
// word. A float that does not apply is NaN.
type Finding struct {
	ID         string            // stable for the episode
	Series     series.Key        // which series
	State      State             //
	Kind       Kind              //
	Direction  Direction         // "" where there is none
	Score      float64           // 1.0 is the alarm level, for every detector
	ZScore     float64           // deviations from the expected value
	PValue     float64           // Gaussian, two-sided
	Value      float64           // what was scored: the value, or a rate per second
	Expected   float64           // what the baseline said
	Severity   Severity          //
	Fault      string            // class of fault that a rule names, e.g. "memory_leak"
	Detectors  []string          // which detectors voted
	Rules      []string          // which rules breached
	Metric     string            //
	Unit       string            // UCUM
	Field      string            // number derived from the point, e.g. "p99"; "" for the value itself
	Resource   map[string]string // resource attributes as text, bounded by the reader
	Attributes map[string]string // point attributes as text without anomaly.*, bounded by the reader
	Start      time.Time         // start timestamp of the point; zero where unset
	Time       time.Time         // timestamp of the point
	Received   time.Time         // when this process got it
}

// Sink takes findings without ever blocking: the pipeline must not wait for a
// decision. The remediation engine implements it; any goroutine may call it.
type Sink interface {
	// Offer hands over findings that share no memory with the caller and
	// returns how many were taken. The rest was refused because the sink is
	// full, and the sink counts them.
	Offer(findings []Finding) (taken int)

	// Watches reports whether ordinary points of this series matter too,
	// because an incident is waiting for proof that it ended.
	Watches(key series.Key) bool

	// WatchesAny is false when Watches would be false for every key, so that
	// a caller may skip computing keys of ordinary points.
	WatchesAny() bool
}
