// SPDX-License-Identifier: Apache-2.0

package incident

// State is where an incident stands. What may follow is decided by Step alone.
type State string

const (
	Detected           State = "detected"            // evidence exists, not confirmed yet
	Confirmed          State = "confirmed"           // enough evidence for long enough
	Planned            State = "planned"             // the next step is known
	Gated              State = "gated"               // a guard holds the next step; Reason says which
	AwaitingApproval   State = "awaiting_approval"   // a person was asked
	Reserved           State = "reserved"            // intent and budget are durable, nothing was dispatched
	Executing          State = "executing"           // handed to an actuator
	Ambiguous          State = "ambiguous"           // the outcome of the action is unknown
	Settling           State = "settling"            // acted; its transient is not judged
	Verifying          State = "verifying"           // judged on data newer than action and settling time
	Resolved           State = "resolved"            // proven
	Cooldown           State = "cooldown"            // resolved, and the target is left alone until the cool-down ends
	Escalated          State = "escalated"           // a person has it; the engine watches and does not act
	ResolvedExternally State = "resolved_externally" // ended without proof that we ended it
	Forgotten          State = "forgotten"           // never confirmed, or its evidence ceased to arrive
)

// States lists every state in the order of a life.
func States() []State {
	return []State{
		Detected, Confirmed, Planned, Gated, AwaitingApproval, Reserved, Executing, Ambiguous,
		Settling, Verifying, Resolved, Cooldown, Escalated, ResolvedExternally, Forgotten,
	}
}

// Closed reports whether nothing but a cool-down can follow.
func (s State) Closed() bool {
	switch s {
	case Resolved, Cooldown, ResolvedExternally, Forgotten:
		return true
	default:
		return false
	}
}

// InFlight reports whether an action on the target is under way or its effect
// is not judged yet: no other action on the same target may start.
func (s State) InFlight() bool {
	switch s {
	case Reserved, Executing, Ambiguous, Settling, Verifying:
		return true
	default:
		return false
	}
}

// Undecided reports whether the next step may still be chosen or withheld.
func (s State) Undecided() bool {
	switch s {
	case Planned, Gated:
		return true
	default:
		return false
	}
}
