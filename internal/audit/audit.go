// SPDX-License-Identifier: Apache-2.0

// Package audit is the contract between the engine, which decides, and the
// receiver that exports every decision as telemetry.
package audit

import (
	"context"
	"time"
)

// Severity of a record, as OTLP severity numbers.
type Severity int

const (
	Info  Severity = 9
	Warn  Severity = 13
	Error Severity = 17
)

// Record is one decision or one thing done. Names are static, attributes flat.
type Record struct {
	Seq        uint64         // position in the outbox; grows, survives restarts
	Time       time.Time      // when it happened
	Name       string         // event name, e.g. "remediation.action.executed"
	Severity   Severity       //
	Body       string         // one sentence for people
	Incident   string         // incident id; "" when it concerns the engine itself
	Attributes map[string]any // string, bool, int64 or float64 values only
}

// Outbox hands out records at least once and in order. A record is kept on
// disk until it is acknowledged or the outbox is full, in which case the
// oldest go first and are counted. One reader at a time.
type Outbox interface {
	// Next waits for records and returns up to limit of the oldest
	// unacknowledged ones, or the error of ctx.
	Next(ctx context.Context, limit int) ([]Record, error)

	// Ack forgets every record up to and including seq.
	Ack(ctx context.Context, seq uint64) error
}
