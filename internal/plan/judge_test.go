// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
)

func TestJudge(t *testing.T) {
	acted := time.Unix(1000, 0)
	floor, due := acted.Add(5*time.Second), acted.Add(60*time.Second)
	at := func(s int) time.Time { return acted.Add(time.Duration(s) * time.Second) }
	series := func(state finding.State, last, calm, calms, points int) incident.Series {
		s := incident.Series{Last: incident.Point{State: state, Time: at(last), Metric: "m"}, Calms: calms, Points: points}
		if calms > 0 {
			s.Calm = at(calm)
		}
		return s
	}
	absent := func(state finding.State, last int) incident.Series {
		s := series(state, last, 0, 0, 1)
		s.Fired.Kind = finding.Silence
		return s
	}
	track := func(seen incident.Verdict, since, last, count int) incident.Track {
		tr := incident.Track{Last: at(last), Seen: seen, Count: count}
		if since > 0 {
			tr.Since = at(since)
		}
		return tr
	}
	alive := func(last int) map[string]incident.Track {
		return map[string]incident.Track{CheckAlive: track(incident.Passed, 6, last, 5)}
	}
	calm := Verify{Clear: true, Hold: 10 * time.Second}
	gone := Verify{Gone: true, Hold: 10 * time.Second}
	for _, c := range []struct {
		name     string
		v        Verify
		evidence incident.Evidence
		checks   map[string]incident.Track
		early    incident.Verdict // before the deadline
		late     incident.Verdict // at it
	}{
		{"held", calm, incident.Evidence{series(finding.Normal, 20, 10, 5, 5)}, nil, incident.Passed, incident.Passed},
		{"not held for long enough", calm, incident.Evidence{series(finding.Normal, 20, 11, 5, 5)}, nil, "", incident.Inconclusive},
		{"too few points", calm, incident.Evidence{series(finding.Normal, 30, 10, 2, 2)}, nil, "", incident.Inconclusive},
		{"still firing", calm, incident.Evidence{series(finding.Firing, 30, 0, 0, 3)}, nil, "", incident.Failed},
		{"still pending", calm, incident.Evidence{series(finding.Pending, 30, 0, 0, 3)}, nil, "", incident.Failed},
		{"firing, but too few points say so", calm, incident.Evidence{series(finding.Firing, 30, 0, 0, 2)}, nil, "", incident.Inconclusive},
		{"firing on old data only", calm, incident.Evidence{series(finding.Firing, 5, 0, 0, 9)}, nil, "", incident.Inconclusive},
		{"silent", calm, incident.Evidence{series(finding.Unknown, 30, 0, 0, 9)}, nil, "", incident.Inconclusive},
		{"one of two still fires", calm, incident.Evidence{series(finding.Normal, 20, 10, 5, 5), series(finding.Firing, 30, 0, 0, 3)}, nil, "", incident.Failed},
		{"no series at all", calm, nil, nil, "", incident.Inconclusive},
		{"missing again", calm, incident.Evidence{absent(finding.Firing, 20)}, nil, "", incident.Failed},
		{"missing, and nothing was said since", calm, incident.Evidence{absent(finding.Firing, 3)}, nil, "", incident.Inconclusive},
		{"back, counted from the floor", calm, incident.Evidence{absent(finding.Resolved, 2)}, alive(15), incident.Passed, incident.Passed},
		{"back and ordinary", calm, incident.Evidence{absent(finding.Normal, 7)}, alive(17), incident.Passed, incident.Passed},
		{"back, but telemetry stopped", calm, incident.Evidence{absent(finding.Resolved, 2)}, alive(14), "", incident.Inconclusive},
		{"back, and nothing came since", calm, incident.Evidence{absent(finding.Resolved, 2)}, nil, "", incident.Inconclusive},
		{"back too late", calm, incident.Evidence{absent(finding.Resolved, 51)}, alive(60), "", incident.Inconclusive},
		{"gone", gone, nil, map[string]incident.Track{CheckGone: track(incident.Passed, 6, 16, 5)}, incident.Passed, incident.Passed},
		{"gone too briefly", gone, nil, map[string]incident.Track{CheckGone: track(incident.Passed, 7, 16, 5)}, "", incident.Inconclusive},
		{"still there", gone, nil, map[string]incident.Track{CheckGone: track(incident.Failed, 0, 16, 5)}, "", incident.Failed},
		{"nobody could tell", gone, nil, map[string]incident.Track{CheckGone: track(incident.Inconclusive, 0, 16, 0)}, "", incident.Inconclusive},
		{"never looked", gone, nil, nil, "", incident.Inconclusive},
		{"all parts must hold", Verify{Clear: true, TCP: "h:1", Hold: 10 * time.Second}, incident.Evidence{series(finding.Normal, 20, 10, 5, 5)}, map[string]incident.Track{CheckProbe: track(incident.Failed, 0, 16, 5)}, "", incident.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := incident.Incident{Floor: floor, Due: due, Evidence: c.evidence, Checks: c.checks}
			got, why := c.v.Judge(in, at(30))
			require.Equal(t, c.early, got, why)
			got, why = c.v.Judge(in, due)
			require.Equal(t, c.late, got, why)
			require.NotEmpty(t, why)
		})
	}
}

func TestChecksFitIntoTheHold(t *testing.T) {
	require.Equal(t, 500*time.Millisecond, Verify{Hold: 0}.CheckEvery())
	require.Equal(t, 750*time.Millisecond, Verify{Hold: 3 * time.Second}.CheckEvery())
	require.Equal(t, 10*time.Second, Verify{Hold: time.Hour}.CheckEvery())
}
