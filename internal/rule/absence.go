// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/internal/detect"
)

// unknownGrace is how long a series may be missing at least while nobody knows
// how often its metric is reported: the longest usual scrape interval.
const unknownGrace = time.Minute

// Watch is what an absence rule remembers of one host. All its times are those
// of receipt: a late or repeated batch with old timestamps is a sign of life.
type Watch struct {
	heard    int64 // when the metric was last reported, with whatever attributes
	seen     int64 // when an expected series was last reported, or the watch began
	interval int64 // learned distance between reports of the metric; 0 while unknown
	awaited  bool  // no expected series was reported since the watch began
	state    State
}

// NewWatch begins to wait at t.
func NewWatch(t int64) Watch { return Watch{seen: t, awaited: true} }

// Resume begins to wait anew at t, after a restart: nobody listened meanwhile.
// What was missing before is missing until it is seen.
func (w *Watch) Resume(t int64) { w.heard, w.seen, w.awaited = 0, t, true }

// Hear notes that the metric was reported at t, and learns how often it is.
func (w *Watch) Hear(t int64) {
	d := t - w.heard
	switch {
	case d <= 0:
		return
	case w.heard == 0:
	case w.interval == 0:
		w.interval = d
	default: // one long pause must not teach a long interval
		w.interval += (min(d, 4*w.interval) - w.interval) / 4
	}
	w.heard = t
}

// See notes that an expected series was reported at t.
func (w *Watch) See(t int64) { w.seen, w.awaited = max(w.seen, t), false }

// Patience is how long the series may be missing under rule r: `for`, and at
// least twice the interval at which the metric is reported.
func (w *Watch) Patience(r *Rule) time.Duration {
	least := 2 * time.Duration(w.interval)
	if w.interval == 0 {
		least = unknownGrace
	}
	return max(r.For, least)
}

// Check is called now and then and says whether the series is missing at t.
func (w *Watch) Check(r *Rule, t int64) detect.Phase {
	missing := t-w.seen >= int64(w.Patience(r)) || (w.awaited && w.state.phase == detect.Alarm)
	return w.state.step(0, r.KeepFiringFor, t, false, missing, !missing) // `for` is in Patience
}

// Expects reports whether a series with these attributes is one that the
// absence rule waits for.
func (r *Rule) Expects(point, resource Attributes) bool {
	for key, want := range r.Absent.Attributes {
		if !want.matchesAttribute(point, key) && !want.matchesAttribute(resource, key) {
			return false
		}
	}
	return true
}

// Concerns reports whether the absence rule can be about a host with this
// identity: attributes that the rule names and the host has must agree.
func (r *Rule) Concerns(identity Attributes) bool {
	for key, want := range r.Absent.Attributes {
		if attribute(identity, key) != nil && !want.matchesAttribute(identity, key) {
			return false
		}
	}
	return true
}

func (p Pattern) matchesAttribute(a Attributes, key string) bool {
	switch v := attribute(a, key).(type) {
	case string:
		return p.Matches(v)
	case int64:
		return p.Matches(strconv.FormatInt(v, 10))
	case bool:
		return p.Matches(strconv.FormatBool(v))
	default:
		return false
	}
}

// WatchSize is the number of bytes that AppendBinary appends.
const WatchSize = 8 + StateSize

var errWatch = errors.New("not the memory of an absence rule")

// AppendBinary appends what a restart must not forget: the learned interval
// and the phase.
func (w *Watch) AppendBinary(b []byte) ([]byte, error) {
	return w.state.AppendBinary(binary.LittleEndian.AppendUint64(b, uint64(w.interval)))
}

// UnmarshalBinary reads back what AppendBinary wrote, and refuses anything
// else without changing w. Resume must follow.
func (w *Watch) UnmarshalBinary(data []byte) error {
	if len(data) != WatchSize {
		return errWatch
	}
	interval := int64(binary.LittleEndian.Uint64(data))
	if interval < 0 || interval > int64(365*24*time.Hour) {
		return errWatch
	}
	read := Watch{interval: interval}
	if err := read.state.UnmarshalBinary(data[8:]); err != nil {
		return err
	}
	*w = read
	return nil
}
