// SPDX-License-Identifier: Apache-2.0

package series

// Reason says why a reading gave no number to score. It is the value of a
// metric label, so the set is closed and small.
type Reason string

const (
	Scored         Reason = ""                  // there is a number to score
	FirstPoint     Reason = "first_point"       // a difference needs two points
	Reset          Reason = "reset"             // the counter started again
	NoRecorded     Reason = "no_recorded_value" // the producer says that it has nothing
	NotANumber     Reason = "not_a_number"      // NaN
	Infinite       Reason = "infinite"          // +Inf or -Inf, also as a result
	Duplicate      Reason = "duplicate"         // the same timestamp and the same number again
	Conflict       Reason = "conflict"          // the same timestamp with another number: two producers
	OutOfOrder     Reason = "out_of_order"      // older than what was read before
	FromFuture     Reason = "from_future"       // more than MaxAhead later than its receipt
	NoTimestamp    Reason = "no_timestamp"      // the point carries no time
	TypeChanged    Reason = "type_changed"      // another metric type, temporality or unit under one name
	Malformed      Reason = "malformed"         // contradicts the OTLP data model, e.g. bucket counts that do not fit the bounds
	TooManyBuckets Reason = "too_many_buckets"  // more than MaxBuckets on one side
	BoundsChanged  Reason = "bounds_changed"    // a cumulative histogram with other bounds than before
	TableFull      Reason = "table_full"        // no memory is left for a new distribution
	OwnOutput      Reason = "own_output"        // a companion metric of detection, read again
)

// Reasons lists every reason but Scored, in the order of declaration.
func Reasons() []Reason {
	return []Reason{
		FirstPoint, Reset, NoRecorded, NotANumber, Infinite, Duplicate, Conflict, OutOfOrder, FromFuture,
		NoTimestamp, TypeChanged, Malformed, TooManyBuckets, BoundsChanged, TableFull, OwnOutput,
	}
}
