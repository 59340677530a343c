// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/incident"
)

// Outbox implements audit.Outbox on the journal. Records are handed out once
// the write that carries them was tried.
type Outbox struct {
	max int // never changes

	mu      sync.Mutex // guards everything below
	records []audit.Record
	acked   uint64 // every record up to here may be deleted
	deleted uint64 // every record up to here was deleted
	dropped int64  // ever
	more    chan struct{}
}

var _ audit.Outbox = (*Outbox)(nil)

func newOutbox(limit int) *Outbox { return &Outbox{max: limit, more: make(chan struct{})} }

// Next implements audit.Outbox.
func (o *Outbox) Next(ctx context.Context, limit int) ([]audit.Record, error) {
	for {
		o.mu.Lock()
		records, more := o.records, o.more
		o.mu.Unlock()
		if n := min(len(records), limit); n > 0 {
			out := slices.Clone(records[:n])
			for i := range out {
				out[i].Attributes = maps.Clone(out[i].Attributes)
			}
			return out, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Ack implements audit.Outbox. The records leave the disk with the journal's
// next write: a crash before it hands them out again.
func (o *Outbox) Ack(_ context.Context, seq uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(func(r audit.Record) bool { return r.Seq <= seq })
	return nil
}

// drop forgets the oldest records while the condition holds; callers hold mu.
func (o *Outbox) drop(while func(audit.Record) bool) {
	n := 0
	for n < len(o.records) && while(o.records[n]) {
		o.acked = o.records[n].Seq
		n++
	}
	o.records = slices.Clone(o.records[n:])
}

// publish hands out records that were written, or that a later write will
// carry.
func (o *Outbox) publish(records []audit.Record) {
	if len(records) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(slices.Clip(o.records), records...)
	if excess := len(o.records) - o.max; excess > 0 {
		o.dropped += int64(excess)
		oldest := o.records[excess].Seq
		o.drop(func(r audit.Record) bool { return r.Seq < oldest })
	}
	close(o.more)
	o.more = make(chan struct{})
}

// Dropped counts records that were forgotten before they were acknowledged.
func (o *Outbox) Dropped() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// settled returns which keys may be deleted, at most limit of them, and the
// oldest record that must stay; confirm is called when the write succeeded.
func (o *Outbox) settled(limit int) (changes []Change, first uint64, confirm func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	upTo := min(o.acked, o.deleted+uint64(limit))
	for seq := o.deleted + 1; seq <= upTo; seq++ {
		changes = append(changes, Change{Key: keyAudit(seq)})
	}
	return changes, upTo + 1, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.deleted = max(o.deleted, upTo)
	}
}

// settles reports whether any acknowledged record is still on disk.
func (o *Outbox) settles() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked > o.deleted
}

// Waiting returns the records that nobody has acknowledged, oldest first.
func (o *Outbox) Waiting() []audit.Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.records
}

// record is audit.Record as it is stored: JSON alone would turn integers into
// floats.
type record struct {
	Seq        uint64          `json:"seq"`
	Time       time.Time       `json:"time"`
	Name       string          `json:"name"`
	Severity   int             `json:"severity"`
	Body       string          `json:"body"`
	Incident   string          `json:"incident,omitempty"`
	Attributes map[string]attr `json:"attributes,omitempty"`
}

// attr is one typed value; exactly one field is set.
type attr struct {
	S *string          `json:"s,omitempty"`
	B *bool            `json:"b,omitempty"`
	I *int64           `json:"i,omitempty"`
	F *incident.Number `json:"f,omitempty"`
}

func toStored(r audit.Record) (record, error) {
	out := record{Seq: r.Seq, Time: r.Time, Name: r.Name, Severity: int(r.Severity), Body: r.Body, Incident: r.Incident}
	for key, value := range r.Attributes {
		if out.Attributes == nil {
			out.Attributes = make(map[string]attr, len(r.Attributes))
		}
		switch v := value.(type) {
		case string:
			out.Attributes[key] = attr{S: &v}
		case bool:
			out.Attributes[key] = attr{B: &v}
		case int64:
			out.Attributes[key] = attr{I: &v}
		case float64:
			number := incident.Number(v)
			out.Attributes[key] = attr{F: &number}
		default:
			return record{}, fmt.Errorf("attribute %s of audit record %s is a %T", key, r.Name, value)
		}
	}
	return out, nil
}

func (r record) fromStored() audit.Record {
	out := audit.Record{Seq: r.Seq, Time: r.Time, Name: r.Name, Severity: audit.Severity(r.Severity), Body: r.Body, Incident: r.Incident}
	for key, value := range r.Attributes {
		if out.Attributes == nil {
			out.Attributes = make(map[string]any, len(r.Attributes))
		}
		switch {
		case value.S != nil:
			out.Attributes[key] = *value.S
		case value.B != nil:
			out.Attributes[key] = *value.B
		case value.I != nil:
			out.Attributes[key] = *value.I
		case value.F != nil:
			out.Attributes[key] = float64(*value.F)
		}
	}
	return out
}
