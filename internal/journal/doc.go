// SPDX-License-Identifier: Apache-2.0

// Package journal keeps on disk what must not be forgotten: the events of
// incidents, the budgets, the stop switch and the audit records that nobody
// has acknowledged. What belongs together is written in one batch.
//
// # Format, version 1
//
// The store is a map of keys to records. Every record is
//
//	offset 0  3 bytes  "hsj"
//	offset 3  1 byte   version, 1
//	offset 4  4 bytes  CRC-32C, big endian, of key, a zero byte, version and payload
//	offset 8           payload, JSON
//
// and the keys are
//
//	head               where everything is: counters of events, snapshot and audit records
//	event/SEQ          one incident.Event; SEQ is 16 hexadecimal digits
//	snapshot/SEQ/N     incidents as they were before event SEQ, in chunks N of 64
//	budget             guard.Ledger
//	control            stop switch, damage that nobody has acknowledged, and when the journal began
//	audit/SEQ          one audit.Record
//	aside/N            what could not be read, byte for byte behind its key and a zero byte; a ring of 16
//
// The checksum covers the key, so that a record in the wrong place is as
// unreadable as a changed one. Recovery restores the snapshot and folds the
// events from head.first on. An event that was written while its write
// counted as failed lies below head.first and is never folded.
package journal
