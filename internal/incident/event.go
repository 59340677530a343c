// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// Kind of an event.
type Kind string

const (
	KindOpened     Kind = "opened"     // Opening: the first firing point
	KindEvidence   Kind = "evidence"   // Point: another point of the same fault; not journalled
	KindCheck      Kind = "check"      // Check: one look at a target while verifying; not journalled
	KindConfirmed  Kind = "confirmed"  //
	KindPlanned    Kind = "planned"    // Plan: what will be tried, and how often
	KindHeld       Kind = "held"       // Reason: which guard withholds the next step
	KindWould      Kind = "would"      // Step: what observe mode did not do
	KindAsked      Kind = "asked"      // Question
	KindAnswered   Kind = "answered"   // Answer
	KindIntended   Kind = "intended"   // Intent: durable before anything is dispatched
	KindDispatched Kind = "dispatched" // handed to an actuator
	KindOutcome    Kind = "outcome"    // Result
	KindRepeated   Kind = "repeated"   // dispatched again under the same operation id: idempotent verbs only
	KindAssumed    Kind = "assumed"    // an unknown outcome counts as done and goes to verification
	KindSettled    Kind = "settled"    // the transient is over
	KindVerdict    Kind = "verdict"    // Verdict
	KindCooling    Kind = "cooling"    // Until
	KindEscalated  Kind = "escalated"  // Reason
	KindClosed     Kind = "closed"     // Close: resolved_externally or forgotten
)

// Volatile reports whether events of this kind are too frequent to journal.
// What they carry must be heard again after a restart anyway: no action
// follows from evidence that this process has not seen itself.
func (k Kind) Volatile() bool { return k == KindEvidence || k == KindCheck }

// Event is a thing that happened to one incident. Exactly the part that its
// kind names is set.
type Event struct {
	Kind     Kind      `json:"kind"`
	Incident string    `json:"incident"`
	Time     time.Time `json:"time"`
	Reason   string    `json:"reason,omitempty"` // reason code, e.g. "evidence_stale"
	Text     string    `json:"text,omitempty"`   // one sentence for people
	Guard    string    `json:"guard,omitempty"`  // which guard withholds the step, of held and escalated

	// Labels are what the record of this event tells beside the incident:
	// action, impact and the like. They mean nothing to the fold.
	Labels map[string]string `json:"labels,omitempty"`

	Opening  *Opening  `json:"opening,omitempty"`
	Point    *Point    `json:"point,omitempty"`
	Check    *Check    `json:"check,omitempty"`
	Plan     *Plan     `json:"plan,omitempty"`
	Step     string    `json:"step,omitempty"`
	Question *Question `json:"question,omitempty"`
	Answer   *Answer   `json:"answer,omitempty"`
	Intent   *Intent   `json:"intent,omitempty"`
	Result   *Result   `json:"result,omitempty"`
	Verdict  Verdict   `json:"verdict,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	Close    State     `json:"close,omitempty"`
}

// Opening is how an incident begins.
type Opening struct {
	Key      string          `json:"key"`
	Target   actuator.Target `json:"target"`
	Host     string          `json:"host"`
	Fault    string          `json:"fault"`
	PlanID   string          `json:"plan,omitempty"` // "" when nobody planned for this fault
	Digest   string          `json:"digest,omitempty"`
	Evidence Evidence        `json:"evidence"`
}

// Open is the opening event of an incident that begins with p.
func Open(target actuator.Target, host, fault, planID, planDigest string, p Point, now time.Time) Event {
	key := KeyOf(target, fault)
	return Event{
		Kind: KindOpened, Incident: IDOf(key, now), Time: now,
		Opening: &Opening{
			Key: key, Target: target, Host: host, Fault: fault, PlanID: planID, Digest: planDigest,
			Evidence: Evidence(nil).observe(p, time.Time{}),
		},
	}
}

// Plan is what of a plan bounds an incident.
type Plan struct {
	MaxActions int    `json:"max_actions"`
	Steps      []Step `json:"steps"`
}

// Step bounds one step of a plan.
type Step struct {
	ID       string  `json:"id"`
	Attempts int     `json:"attempts"`
	Backoff  Backoff `json:"backoff"`
}

// Backoff is the distance between attempts of one step.
type Backoff struct {
	Initial time.Duration `json:"initial"`
	Factor  float64       `json:"factor"`
	Max     time.Duration `json:"max"`
}

// After is the distance after the n-th attempt, n >= 1.
func (b Backoff) After(n int) time.Duration {
	d := float64(b.Initial)
	for range n - 1 {
		d *= b.Factor
		if d >= float64(b.Max) {
			return b.Max
		}
	}
	return min(time.Duration(d), b.Max)
}

// Question is what a person is asked. Digest binds plan, step, parameters,
// target identity and policy.
type Question struct {
	Digest  string    `json:"digest"`
	Action  string    `json:"action"`
	Preview []string  `json:"preview"`
	Expires time.Time `json:"expires"`
}

// Answer is what a person said.
type Answer struct {
	Digest  string `json:"digest"`
	Approve bool   `json:"approve"`
	By      string `json:"by"`
	Comment string `json:"comment,omitempty"`
}

// Intent is one action that is about to happen: everything that is needed to
// probe or, for idempotent verbs, repeat it after a crash.
type Intent struct {
	Request  actuator.Request `json:"request"`
	Impact   actuator.Impact  `json:"impact"`
	Replay   actuator.Replay  `json:"replay"`
	Step     string           `json:"step"`
	Attempt  int              `json:"attempt"`  // 1 is the first
	Boot     string           `json:"boot"`     // boot id under which it is dispatched
	Limit    time.Duration    `json:"limit"`    // how long the verb may take
	Settle   time.Duration    `json:"settle"`   //
	Deadline time.Duration    `json:"deadline"` // of the verification, from the end of the action
	Target   string           `json:"target"`   // who it is, in words
	Consent  string           `json:"consent,omitempty"`
	Series   Evidence         `json:"series,omitempty"` // what verification will listen to
}

// Result is what came of an action.
type Result struct {
	Done  actuator.Result `json:"done"`
	Error string          `json:"error,omitempty"`
}

// Verdict of a verification.
type Verdict string

const (
	Passed       Verdict = "passed"
	Failed       Verdict = "failed"
	Inconclusive Verdict = "inconclusive" // missing data is never success
)

// Check is one look at the target while verifying: Seen is Passed when it is
// as it should be, Failed when it is not, Inconclusive when nobody could tell.
type Check struct {
	Name string    `json:"name"` // gone or probe
	Seen Verdict   `json:"seen"`
	Text string    `json:"text,omitempty"`
	Time time.Time `json:"time"`
}

// Track is a run of checks.
type Track struct {
	Since time.Time `json:"since,omitzero"` // first good check of the current run; zero when the last one was not good
	Last  time.Time `json:"last"`           // newest check
	Seen  Verdict   `json:"seen"`           // what it saw
	Count int       `json:"count"`          // checks with an answer since the action settled
	Text  string    `json:"text,omitempty"`
}
