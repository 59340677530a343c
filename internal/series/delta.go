// SPDX-License-Identifier: Apache-2.0

package series

import "time"

// shortestDelta is the shortest interval that a delta is believed to have been
// gathered over: below, the producer has set start and time to the same
// moment, and a rate would be absurd.
const shortestDelta = time.Millisecond

// deltaRate is the rate per second of a delta over its own interval, or since
// the reading before where the producer gives none. It must be called before r
// is accepted.
func (m *Memory) deltaRate(r *Reading) (float64, Reason) {
	since := r.Start
	if since <= 0 || r.Time-since < int64(shortestDelta) {
		if !m.Seen() {
			return 0, FirstPoint
		}
		since = m.time
	}
	return r.Number() / (float64(r.Time-since) / 1e9), Scored
}
