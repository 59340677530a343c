// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// EpisodeID names one episode of one series. 0 names none.
type EpisodeID uint64

// String is 16 hexadecimal digits: the anomaly.id of findings.
func (id EpisodeID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// newEpisodeID is made from the series and the start alone, so that replaying
// the same history names the same episodes.
func newEpisodeID(key series.Key, start int64) EpisodeID {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], key.Hi)
	binary.LittleEndian.PutUint64(b[8:], key.Lo)
	binary.LittleEndian.PutUint64(b[16:], uint64(start))
	return EpisodeID(max(xxhash.Sum64(b[:]), 1))
}

// GateSettings say what the gate does with a series that flaps.
type GateSettings struct {
	FlapCount int           // episodes in quick succession that make a series flap; 0 never
	FlapHold  time.Duration // quick: begins within this time of the end before; a flapping one ends after this much calm
}

// Gate folds what all voters of one series say into at most one open episode:
//
//	normal -> pending -> firing -> resolved (one point) -> normal
//	             |          |---> unknown (silence) ---> firing or resolved
//	             |---> resolved: it calmed down before it fired
//	             '---> unknown, and closed: it fell silent before it fired
//
// Every state of an episode is reported under one id, pending is reported too,
// and so each reported episode ends in a state that is reported: nothing fires
// and vanishes. The zero Gate has seen nothing.
type Gate struct {
	id     EpisodeID // of the open episode, 0 when there is none
	ended  int64     // when the last episode that fired ended
	calm   int64     // while held: since when the voters are calm
	fired  bool      // the open episode reached firing
	silent bool      // the open episode was reported as unknown
	flaps  uint8     // how many episodes began soon after the one before
}

// Outcome is what the Gate makes of one point or of a silence.
type Outcome struct {
	State   finding.State // Normal, Pending, Firing, Resolved or Unknown
	ID      EpisodeID     // of the episode; 0 when Normal
	Changed bool          // State is another than the last one of this series
	Fired   bool          // this is the moment at which the episode fired
	Held    bool          // this is the moment from which a calm but flapping series is held firing
}

// Fold takes the phase of the voters at the instant t, later than any before.
func (g *Gate) Fold(set *GateSettings, key series.Key, t int64, phase Phase) Outcome {
	before := g.state()
	if g.id == 0 {
		if phase == Calm {
			return Outcome{State: finding.Normal}
		}
		g.id = newEpisodeID(key, t)
	}
	g.silent = false
	out := Outcome{ID: g.id}
	switch phase {
	case Alarm:
		g.calm = 0
		if !g.fired {
			g.fired, out.Fired = true, true
			g.countFlap(set, t)
		}
	case Breached: // of an episode that fired: not calm yet
		g.calm = 0
	default:
		if g.holds(set, t) {
			out.State, out.Held, out.Changed = finding.Firing, g.calm == t, before != finding.Firing
			return out
		}
		g.close(t)
		out.State, out.Changed = finding.Resolved, true
		return out
	}
	out.State = g.state()
	out.Changed = out.State != before
	return out
}

// Silence says at t that the series has fallen silent. A series without data
// is unknown, never resolved: nobody saw it recover. Without an open episode,
// and when it was said already, the Outcome is Normal and nothing changes.
func (g *Gate) Silence(t int64) Outcome {
	if g.id == 0 || g.silent {
		return Outcome{State: finding.Normal}
	}
	out := Outcome{State: finding.Unknown, ID: g.id, Changed: true}
	if g.fired {
		g.silent = true
	} else {
		g.close(t)
	}
	return out
}

// Open is the id of the open episode, or 0.
func (g *Gate) Open() EpisodeID { return g.id }

// Firing reports whether the open episode fires at this moment.
func (g *Gate) Firing() bool { return g.state() == finding.Firing }

func (g *Gate) state() finding.State {
	switch {
	case g.id == 0:
		return finding.Normal
	case g.silent:
		return finding.Unknown
	case g.fired:
		return finding.Firing
	default:
		return finding.Pending
	}
}

// countFlap is called when an episode fires.
func (g *Gate) countFlap(set *GateSettings, t int64) {
	switch {
	case g.ended == 0 || t-g.ended > int64(set.FlapHold):
		g.flaps = 0
	case g.flaps < 255:
		g.flaps++
	}
}

// holds reports whether a calm series must be kept firing because it flaps.
func (g *Gate) holds(set *GateSettings, t int64) bool {
	if !g.fired || set.FlapCount == 0 || int(g.flaps)+1 < set.FlapCount {
		return false
	}
	if g.calm == 0 {
		g.calm = t
	}
	return t-g.calm < int64(set.FlapHold)
}

func (g *Gate) close(t int64) {
	if g.fired {
		g.ended = t
	}
	g.id, g.fired, g.silent, g.calm = 0, false, false, 0
}
