// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

// enough is how many points or checks newer than action and settling time an
// answer needs. Fewer are no data, and missing data is never success.
const enough = 3

// Names of the checks that the engine makes while an incident is verified.
const (
	CheckGone  = "gone"
	CheckProbe = "probe"
	CheckAlive = "alive" // telemetry still comes, so that silence means something
)

// Judge says whether the step repaired the fault: "" while it cannot be told
// yet, and at the deadline one of the three verdicts. It also says why.
func (v Verify) Judge(in incident.Incident, now time.Time) (incident.Verdict, string) {
	worst, why := incident.Passed, "everything that was asked for held for "+v.Hold.String()
	for _, part := range v.parts(in) {
		if severity(part.seen) > severity(worst) {
			worst, why = part.seen, part.why
		}
	}
	if worst == incident.Passed || !now.Before(in.Due) {
		return worst, why
	}
	return "", why
}

func severity(v incident.Verdict) int {
	switch v {
	case incident.Passed:
		return 0
	case incident.Inconclusive:
		return 1
	default:
		return 2
	}
}

// part is one thing that is asked for, as it stands.
type part struct {
	seen incident.Verdict // Inconclusive when it is neither held for long enough nor proven to be bad
	why  string
}

func (v Verify) parts(in incident.Incident) []part {
	var parts []part
	if v.Clear {
		parts = append(parts, v.clear(in)...)
	}
	if v.Gone {
		parts = append(parts, v.check(in.Checks[CheckGone], "the target is still there"))
	}
	if v.TCP != "" {
		parts = append(parts, v.check(in.Checks[CheckProbe], v.TCP+" does not accept connections"))
	}
	return parts
}

func (v Verify) clear(in incident.Incident) []part {
	ev, floor := in.Evidence, in.Floor
	parts := make([]part, 0, max(1, len(ev)))
	for _, s := range ev {
		if s.Fired.Kind == finding.Silence {
			parts = append(parts, v.present(s, floor, in.Checks[CheckAlive]))
			continue
		}
		last := s.Last
		breached := last.State == finding.Firing || last.State == finding.Pending
		switch {
		case s.Calms >= enough && last.Time.Sub(s.Calm) >= v.Hold:
			parts = append(parts, part{incident.Passed, ""})
		case breached && last.Time.After(floor) && s.Points >= enough:
			parts = append(parts, part{incident.Failed, last.Metric + " is still " + string(last.State)})
		default:
			parts = append(parts, part{incident.Inconclusive, last.Metric + " has not been ordinary for " + v.Hold.String() + " on data newer than the action"})
		}
	}
	if len(parts) == 0 {
		parts = append(parts, part{incident.Inconclusive, "no series is known that could tell"})
	}
	return parts
}

// present judges what an absence rule watches. It says once that the series
// was seen again and says no more while it is seen: a rule whose word is
// missing data speaks up when data is missing, so that its silence is proof,
// but only while telemetry comes here at all: the hold ends at the newest
// batch that came, not at the clock. That it still is missing it repeats now
// and then.
func (v Verify) present(s incident.Series, floor time.Time, alive incident.Track) part {
	since := s.Last.Time
	if since.Before(floor) {
		since = floor
	}
	switch {
	case ordinary(s.Last.State) && alive.Last.After(since) && alive.Last.Sub(since) >= v.Hold:
		return part{incident.Passed, ""}
	case s.Last.State == finding.Firing && s.Last.Time.After(floor):
		return part{incident.Failed, s.Last.Metric + " is still missing"}
	default:
		return part{incident.Inconclusive, s.Last.Metric + " has not been back for " + v.Hold.String() + " while telemetry came"}
	}
}

func ordinary(s finding.State) bool { return s == finding.Normal || s == finding.Resolved }

func (v Verify) check(track incident.Track, bad string) part {
	switch {
	case track.Count >= enough && !track.Since.IsZero() && track.Last.Sub(track.Since) >= v.Hold:
		return part{incident.Passed, ""}
	case track.Count >= enough && track.Seen == incident.Failed:
		return part{incident.Failed, bad}
	default:
		return part{incident.Inconclusive, "it could not be seen for " + v.Hold.String() + " whether " + bad}
	}
}

// CheckEvery is the distance of checks: at least three within the hold.
func (v Verify) CheckEvery() time.Duration {
	return min(max(v.Hold/4, 500*time.Millisecond), 10*time.Second)
}
