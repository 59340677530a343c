// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// perSeries is how many findings of one series may wait. A loop that is
// further behind learns of the newest only.
const perSeries = 8

// intake is the queue between the pipeline and the decision loop. Nothing in
// it blocks.
type intake struct {
	max  int
	wake chan struct{} // holds one token while findings wait

	last atomic.Int64 // unix nanoseconds of when a batch last came, whatever it held

	mu      sync.Mutex                       // guards everything below
	waiting map[series.Key][]finding.Finding // oldest first
	order   []series.Key                     // of arrival
	total   int
	watched map[series.Key]int // how many incidents listen to a series
}

func newIntake(limit int) *intake {
	return &intake{
		max: limit, wake: make(chan struct{}, 1),
		waiting: map[series.Key][]finding.Finding{}, watched: map[series.Key]int{},
	}
}

// offer takes findings and says how many: merged ones replaced a newest of
// their series, or were dropped for its sake; refused ones found no place.
func (q *intake) offer(findings []finding.Finding) (taken, merged, refused int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range findings {
		list := q.waiting[f.Series]
		switch {
		case len(list) >= perSeries:
			// A breach must not vanish behind an ordinary point: verification
			// would believe in a calm that was none.
			if last := list[len(list)-1]; ordinary(last.State) || !ordinary(f.State) {
				list[len(list)-1] = f
			}
			merged++
		case q.total >= q.max:
			refused++
			continue
		default:
			if len(list) == 0 {
				q.order = append(q.order, f.Series)
			}
			q.waiting[f.Series] = append(list, f)
			q.total++
		}
		taken++
	}
	if q.total > 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return taken, merged, refused
}

func ordinary(s finding.State) bool { return s == finding.Normal || s == finding.Resolved }

// take empties the queue: each series in order, the series by their arrival.
func (q *intake) take() []finding.Finding {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]finding.Finding, 0, q.total)
	for _, key := range q.order {
		out = append(out, q.waiting[key]...)
	}
	clear(q.waiting)
	q.order, q.total = nil, 0
	return out
}

// listen changes by one or minus one how many incidents listen to a series.
func (q *intake) listen(key series.Key, change int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.watched[key] += change; q.watched[key] <= 0 {
		delete(q.watched, key)
	}
}

func (q *intake) watches(key series.Key) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.watched[key] > 0
}

// heard is when a batch last came; the pipeline asks about each whether
// anybody watches.
func (q *intake) heard() time.Time { return time.Unix(0, q.last.Load()).UTC() }

func (q *intake) watchesAny() bool {
	q.last.Store(time.Now().UnixNano())
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.watched) > 0
}
