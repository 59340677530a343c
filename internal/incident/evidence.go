// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// MaxSeries bounds the series that one incident listens to. Further ones
// cannot open, confirm or clear it.
const MaxSeries = 32

// window is how many points of a series are remembered for "k of n".
const window = 64

// Number is a float whose NaN survives JSON, as null: missing is not zero.
type Number float64

// MarshalJSON writes NaN and infinities as null.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// Point is what an incident keeps of one finding.
type Point struct {
	Series   series.Key       `json:"series"`
	Anomaly  string           `json:"anomaly,omitempty"` // anomaly.id
	State    finding.State    `json:"state"`
	Kind     finding.Kind     `json:"kind,omitempty"`
	Metric   string           `json:"metric,omitempty"`
	Severity finding.Severity `json:"severity,omitempty"`
	Score    Number           `json:"score"`
	Value    Number           `json:"value"`
	Expected Number           `json:"expected"`
	Rules    []string         `json:"rules,omitempty"`
	HostName string           `json:"host_name,omitempty"`
	HostID   string           `json:"host_id,omitempty"`
	Time     time.Time        `json:"time"`
	Received time.Time        `json:"received"`
}

// Series is what is known about one series of the evidence.
type Series struct {
	Last   Point     `json:"last"`             // newest point
	Fired  Point     `json:"fired"`            // newest firing point
	Since  time.Time `json:"since"`            // first point of the current firing run
	Recent uint64    `json:"recent"`           // bit i: the i-th newest point fired
	Seen   int       `json:"seen"`             // points in Recent, at most 64
	Calm   time.Time `json:"calm"`             // first point of the current ordinary run
	Calms  int       `json:"calms"`            // points in that run
	Points int       `json:"points,omitempty"` // points newer than the floor
}

// Evidence is what an incident listens to, at most MaxSeries series in the
// order of their arrival. It is a value: observe returns a changed copy.
type Evidence []Series

// ordinary reports whether detection called a point ordinary.
func ordinary(s finding.State) bool { return s == finding.Normal || s == finding.Resolved }

// observe folds one point. Points that are not newer than the last one of
// their series are ignored, and so are ordinary points of unknown series.
func (ev Evidence) observe(p Point, floor time.Time) Evidence {
	i := slices.IndexFunc(ev, func(s Series) bool { return s.Last.Series == p.Series })
	if i < 0 {
		if p.State != finding.Firing || len(ev) >= MaxSeries {
			return ev
		}
		return append(slices.Clip(slices.Clone(ev)), Series{}.observe(p, floor))
	}
	if !p.Time.After(ev[i].Last.Time) {
		return ev
	}
	out := slices.Clone(ev)
	out[i] = out[i].observe(p, floor)
	return out
}

func (s Series) observe(p Point, floor time.Time) Series {
	s.Last = p
	if p.State == finding.Unknown {
		// Silence is neither firing nor ordinary: it ends a calm run, because
		// a run must be seen to be believed, and is no point of "k of n".
		s.Calm, s.Calms = time.Time{}, 0
		return s
	}
	s.Recent <<= 1
	s.Seen = min(s.Seen+1, window)
	if p.Time.After(floor) {
		s.Points++
	}
	switch {
	case p.State == finding.Firing:
		if s.Since.IsZero() {
			s.Since = p.Time
		}
		s.Recent |= 1
		s.Fired = p
		s.Calm, s.Calms = time.Time{}, 0
	case ordinary(p.State):
		s.Since = time.Time{}
		if p.Time.After(floor) {
			if s.Calms == 0 {
				s.Calm = p.Time
			}
			s.Calms++
		}
	default: // pending: breached, so not calm
		s.Calm, s.Calms = time.Time{}, 0
	}
	return s
}

// rest starts the calm runs anew: only points newer than floor count.
func (ev Evidence) rest(floor time.Time) Evidence {
	out := slices.Clone(ev)
	for i := range out {
		out[i].Calm, out[i].Calms, out[i].Points = time.Time{}, 0, 0
		if out[i].Last.Time.After(floor) {
			out[i].Points = 1
		}
	}
	return out
}

// merge adds the series that the other evidence knows and ev does not, as
// after a restart.
func (ev Evidence) merge(other Evidence) Evidence {
	out := ev
	for _, s := range other {
		known := false
		for i := range ev {
			known = known || ev[i].Last.Series == s.Last.Series
		}
		if !known && len(out) < MaxSeries {
			out = append(slices.Clip(out), s)
		}
	}
	return out
}

// Of n points of one series, k fired, and they span at least the duration
// span. It reports whether any series satisfies this.
func (ev Evidence) Of(k, n int, span time.Duration) bool {
	n = min(n, window)
	for _, s := range ev {
		if s.Last.State != finding.Firing {
			continue
		}
		recent := s.Recent
		if n < window {
			recent &= 1<<n - 1
		}
		if bits.OnesCount64(recent) >= k && s.Last.Time.Sub(s.Since) >= span {
			return true
		}
	}
	return false
}

// Freshest is the newest point that fires now; ok is false when none does.
func (ev Evidence) Freshest() (p Point, ok bool) {
	for _, s := range ev {
		if s.Last.State == finding.Firing && (!ok || s.Last.Time.After(p.Time)) {
			p, ok = s.Last, true
		}
	}
	return p, ok
}

// Cleared reports whether detection called the newest point of every series
// ordinary. Silence is not clearance.
func (ev Evidence) Cleared() bool {
	for _, s := range ev {
		if !ordinary(s.Last.State) {
			return false
		}
	}
	return len(ev) > 0
}

// LastHeard is when the newest point of any series was received.
func (ev Evidence) LastHeard() time.Time {
	var last time.Time
	for _, s := range ev {
		if s.Last.Received.After(last) {
			last = s.Last.Received
		}
	}
	return last
}

// ByRule reports whether a rule stands behind any firing series; otherwise
// statistics alone speak.
func (ev Evidence) ByRule() bool {
	return slices.ContainsFunc(ev, func(s Series) bool {
		return s.Last.State == finding.Firing && len(s.Last.Rules) > 0
	})
}

// Score is the highest score of the series that fire now, 0 when none does.
func (ev Evidence) Score() float64 {
	var score float64
	for _, s := range ev {
		if s.Last.State == finding.Firing {
			score = max(score, nanZero(float64(s.Last.Score)))
		}
	}
	return score
}

func nanZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}
