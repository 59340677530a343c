// SPDX-License-Identifier: Apache-2.0

// Package actuator is the contract between the remediation engine, which
// decides, and the extensions that act on one kind of target. It depends on
// the standard library alone, so that anyone can add an actuator with ocb.
//
// An actuator is a Collector extension that also implements Actuator. The
// engine finds it by its component id and calls it from a bounded set of
// workers; every method must be safe for concurrent use, honour ctx and
// return soon after ctx ends. Conformance is tested by package actuatortest.
package actuator

import (
	"context"
	"errors"
	"maps"
	"time"
)

// Actuator performs a closed set of verbs on one kind of target.
type Actuator interface {
	// Specs lists the verbs. It never changes after Start.
	Specs() []Spec

	// Plan resolves the target to exactly what exists now, checks it and
	// says what Execute would do. It has no side effect. It errs with
	// ErrNotFound, ErrAmbiguous, ErrProtected or ErrParams.
	Plan(ctx context.Context, req Request) (Preview, error)

	// Execute does it. req.Identity is what Plan returned; it is compared
	// with the target immediately before the effect, and a difference is
	// Refused with ErrIdentityChanged. When the error is not nil, the
	// Outcome still tells what is known about the effect. Unless the verb is
	// Idempotent the engine executes an operation id at most once.
	Execute(ctx context.Context, req Request) (Result, error)

	// Probe tells whether the operation took effect, for verbs whose Replay
	// is Probeable; Unknown for the others. It has no side effect.
	Probe(ctx context.Context, req Request) (Outcome, error)

	// Undo takes back what Execute did if, and only if, the target still
	// carries what we set; otherwise it is Refused with ErrForeignChange.
	// Verbs that are not Reversible answer Refused with ErrIrreversible.
	Undo(ctx context.Context, req Request, done Result) (Result, error)
}

// Errors that actuators return, wrapped with the target and the reason.
var (
	ErrNotFound        = errors.New("target not found")
	ErrAmbiguous       = errors.New("target is ambiguous")
	ErrIdentityChanged = errors.New("target is no longer the one that was planned for")
	ErrProtected       = errors.New("target is protected")
	ErrBusy            = errors.New("another controller is already acting on the target")
	ErrBlocked         = errors.New("target cannot be acted on now") // what a Blocker says, found out in Execute
	ErrParams          = errors.New("invalid parameters")
	ErrForeignChange   = errors.New("somebody else changed the target since")
	ErrIrreversible    = errors.New("the verb cannot be undone")
	ErrUnknownVerb     = errors.New("unknown verb")
)

// Spec declares one verb. Zero values mean the strictest class: what is
// undeclared is taken for a host-wide, non-idempotent, irreversible act.
type Spec struct {
	Verb        string        // "kind.verb", e.g. "systemd.restart"
	Summary     string        // one sentence for people
	TargetKind  string        // which Target.Kind it takes, e.g. "systemd_unit"
	Impact      Impact        //
	Replay      Replay        //
	Reversible  bool          // Undo works
	Params      []Param       // closed list; anything else is refused
	MaxDuration time.Duration // Execute returns within it; 0 means 30 s
}

// Impact is how much a verb can break.
type Impact int

// Impacts from heavy to light: the zero value is the heaviest.
const (
	Host    Impact = iota // reboot, drain
	Destroy               // kill, delete, ban, evict
	Restart               // restart or start a unit, a container, a service
	Adjust                // priority, weight, limit, replicas
	Observe               // explain, snapshot
)

// HeavierThan reports whether i can break more than other.
func (i Impact) HeavierThan(other Impact) bool { return i < other }

// String is the class name used in plans, policies and telemetry.
func (i Impact) String() string {
	if names := [...]string{"host", "destroy", "restart", "adjust", "observe"}; i >= Host && int(i) < len(names) {
		return names[i]
	}
	return "host"
}

// Replay is what may be done when the outcome of an operation is unknown.
type Replay int

// The zero value forbids executing again and knows no probe.
const (
	Never      Replay = iota // verify, then ask a human
	Probeable                // Probe can tell whether it took effect
	Idempotent               // executing again with the same id is harmless
)

// String is the class name used in documentation and telemetry.
func (r Replay) String() string {
	if names := [...]string{"never", "probeable", "idempotent"}; r >= Never && int(r) < len(names) {
		return names[r]
	}
	return "never"
}

// Target is what a plan or a finding points at: a stable name and what is
// known about it. Key outlives restarts of the target; budgets hang on it.
type Target struct {
	Kind string            `json:"kind"` // systemd_unit, process, service, filesystem …
	Key  string            `json:"key"`  // e.g. "host1/nginx.service"
	Attr map[string]string `json:"attr"` // what selects it: unit, pid, start_time_unix_nano, mountpoint …
}

// String is kind:key, for people.
func (t Target) String() string { return t.Kind + ":" + t.Key }

// Identity is one incarnation of a target: boot id, pid, start time,
// invocation id, device and inode … Two identities are the same incarnation
// when every pair is equal.
type Identity map[string]string

// Equal reports whether both name the same incarnation.
func (id Identity) Equal(other Identity) bool { return maps.Equal(id, other) }

// Request asks for one verb on one target.
type Request struct {
	Operation string   `json:"operation"` // idempotency key; "" in Plan
	Verb      string   `json:"verb"`
	Target    Target   `json:"target"`
	Identity  Identity `json:"identity,omitempty"` // from Preview; nil in Plan
	Params    Params   `json:"params,omitempty"`   // checked and completed by Spec.Resolve
}

// NoContribution is the Preview.Contribution of a target that was not chosen
// by its share of a symptom.
const NoContribution = -1

// Preview is what Execute would do to whom.
type Preview struct {
	Identity Identity  `json:"identity"`
	Target   string    `json:"target"`             // who it is, in words: "nginx[812] of www-data"
	Effects  []string  `json:"effects"`            // one sentence each
	Blockers []Blocker `json:"blockers,omitempty"` // any blocker holds the action
	// Before holds the values that Execute would change, as they are now, for
	// verbs that are Reversible. A Result that was lost in a crash can be
	// undone from it.
	Before map[string]string `json:"before,omitempty"`
	// Share of the symptom that this target causes, 0 to 1, where the verb
	// chooses its victim; NaN is written as -1 when it does not apply.
	Contribution float64 `json:"contribution"`
}

// Codes of blockers that several actuators share.
const (
	BlockerOwnerBusy    = "owner_busy"    // the target's owner is already acting on it
	BlockerNoPermission = "no_permission" // the collector lacks the rights
	BlockerNothingToDo  = "nothing_to_do" // the target is already as the verb would leave it
	BlockerUnresponsive = "unresponsive"  // the target cannot react, e.g. a task in uninterruptible sleep
)

// Blocker is a reason not to act now.
type Blocker struct {
	Code string `json:"code"` // reason code, e.g. "owner_busy"
	Text string `json:"text"` // one sentence
}

// Outcome is what is known about an effect.
type Outcome string

// The zero value is not an outcome; read it as Unknown.
const (
	Unknown    Outcome = "unknown"     // cut off mid-act; verify before anything else
	Applied    Outcome = "applied"     // the effect took place
	NotApplied Outcome = "not_applied" // provably nothing happened
	Refused    Outcome = "refused"     // nothing was touched; the error says why
)

// Result is what Execute or Undo did.
type Result struct {
	Outcome Outcome           `json:"outcome"`
	Detail  string            `json:"detail"`           // one sentence for people
	Before  map[string]string `json:"before,omitempty"` // previous values, for Undo
	After   map[string]string `json:"after,omitempty"`  // values that we set, for Undo's comparison
	Facts   map[string]string `json:"facts,omitempty"`  // evidence gathered: explain output, counts, bytes
}
