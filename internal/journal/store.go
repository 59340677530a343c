// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
)

// Store is a map on disk.
type Store interface {
	// Read returns the values of keys in their order, nil for missing ones.
	Read(ctx context.Context, keys ...string) ([][]byte, error)
	// Write applies all changes or none, in their order.
	Write(ctx context.Context, changes ...Change) error
}

// Change sets one key, or deletes it when Value is nil.
type Change struct {
	Key   string
	Value []byte
}

// Control is what people set, and what happened to the journal itself.
type Control struct {
	Stopped bool      `json:"stopped"`
	By      string    `json:"by,omitempty"`
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at,omitzero"`
	// Damage says what of the journal could not be read. It weighs until a
	// person releases the stop switch, or for as long as the longest budget.
	Damage   string    `json:"damage,omitempty"`
	DamageAt time.Time `json:"damage_at,omitzero"`
	// Began is when the journal began: what was done before is not known. It
	// is zero once a person has released the stop switch.
	Began time.Time `json:"began,omitzero"`
}

// State is all that the journal protects, apart from the audit records.
type State struct {
	Incidents []incident.Incident
	Ledger    *guard.Ledger
	Control   Control
}

// head is where everything is. Counters only grow.
type head struct {
	First      uint64 `json:"first"`       // first event after the snapshot
	Next       uint64 `json:"next"`        // the event that comes next
	Chunks     int    `json:"chunks"`      // of snapshot First
	AuditFirst uint64 `json:"audit_first"` // oldest record that is not acknowledged
	AuditNext  uint64 `json:"audit_next"`
	Budget     bool   `json:"budget"` // a budget was written, so that a missing one is damage
	Asides     int    `json:"asides"` // ever set aside
}

const (
	keyHead    = "head"
	keyBudget  = "budget"
	keyControl = "control"
)

// chunkSize is how many incidents one record of a snapshot holds.
const chunkSize = 64

// maxAside bounds what is kept of unreadable records.
const maxAside = 16

func keyEvent(seq uint64) string           { return fmt.Sprintf("event/%016x", seq) }
func keySnapshot(seq uint64, n int) string { return fmt.Sprintf("snapshot/%016x/%04x", seq, n) }
func keyAudit(seq uint64) string           { return fmt.Sprintf("audit/%016x", seq) }
func keyAside(n int) string                { return fmt.Sprintf("aside/%02x", n%maxAside) }
