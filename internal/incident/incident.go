// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"errors"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
)

// ErrOrder says that an event cannot follow what happened before. The
// incident is unchanged.
var ErrOrder = errors.New("event is out of order")

// maxHistory bounds the story of one incident. The first half is kept, of the
// rest the newest.
const maxHistory = 64

// maxRepeats bounds how often one operation is dispatched again.
const maxRepeats = 1

// Incident is what is wrong with one target, and what was done about it. It
// is a value: Step returns a changed copy that shares no memory that either
// of them will write.
type Incident struct {
	ID       string           `json:"id"`
	Key      string           `json:"key"`
	Host     string           `json:"host"`
	Target   actuator.Target  `json:"target"`
	Fault    string           `json:"fault"`
	Severity finding.Severity `json:"severity"` // the heaviest seen
	Anomaly  string           `json:"anomaly"`  // anomaly.id of the first finding

	State   State     `json:"state"`
	Outcome State     `json:"outcome,omitempty"` // resolved, resolved_externally or forgotten; set once
	Reason  string    `json:"reason,omitempty"`  // reason code of the state
	Text    string    `json:"text,omitempty"`    // the reason in one sentence
	First   time.Time `json:"first"`             // timestamp of the first firing point
	Opened  time.Time `json:"opened"`
	Updated time.Time `json:"updated"` // last change of state
	Closed  time.Time `json:"closed,omitzero"`
	Until   time.Time `json:"until,omitzero"` // end of the cool-down

	PlanID    string    `json:"plan,omitempty"`
	Digest    string    `json:"digest,omitempty"` // of the plan
	Plan      Plan      `json:"bounds"`
	Next      int       `json:"next"`    // index into Plan.Steps; len(Steps) when they are exhausted
	Attempt   int       `json:"attempt"` // attempts of this step so far
	Actions   int       `json:"actions"` // attempts that could change something, of all steps
	NotBefore time.Time `json:"not_before,omitzero"`
	Would     []string  `json:"would,omitempty"` // steps recorded as "would have executed"

	Question *Question `json:"question,omitempty"` // open, or answered with yes and not used yet
	Consent  string    `json:"consent,omitempty"`  // digest that a person approved; used once
	Answerer string    `json:"answerer,omitempty"` // who answered last

	Agreed []string `json:"agreed,omitempty"` // effects of the last action to which a person said yes

	Intent  *Intent          `json:"intent,omitempty"` // the last one
	Acted   time.Time        `json:"acted,omitzero"`   // when it ended
	Result  *Result          `json:"result,omitempty"` // what came of it
	Repeats int              `json:"repeats,omitempty"`
	Doubt   bool             `json:"doubt,omitempty"`   // its outcome was never known
	Floor   time.Time        `json:"floor,omitzero"`    // verification looks at newer data only
	Due     time.Time        `json:"due,omitzero"`      // when verification must have an answer
	Checks  map[string]Track `json:"checks,omitempty"`  // by name
	Verdict Verdict          `json:"verdict,omitempty"` // the last one

	Evidence Evidence `json:"evidence"`
	History  []Entry  `json:"history"`
}

// Entry is one line of an incident's story.
type Entry struct {
	Time  time.Time `json:"time"`
	Kind  Kind      `json:"kind"`
	State State     `json:"state"` // after it
	Text  string    `json:"text"`
}

// StepID is the id of the current step, or of the last one when all are
// exhausted; "" before a plan is known.
func (in Incident) StepID() string {
	if len(in.Plan.Steps) == 0 {
		return ""
	}
	return in.Plan.Steps[min(in.Next, len(in.Plan.Steps)-1)].ID
}

// Step folds one event into the incident: no clock, no I/O, no locks. An
// event that cannot follow leaves it as it was and errs with ErrOrder. now is
// when the event is folded; a replay passes the event's own time.
func (in Incident) Step(ev Event, now time.Time) (Incident, error) {
	if ev.Kind == KindOpened {
		if in.ID != "" || ev.Opening == nil {
			return in, in.refuse(ev, "it is open already")
		}
		return opened(ev, now), nil
	}
	if in.ID == "" || ev.Incident != in.ID {
		return in, in.refuse(ev, "it belongs to another incident")
	}
	fold, known := folds[ev.Kind]
	if !known {
		return in, in.refuse(ev, "its kind is unknown")
	}
	next, err := fold(in, ev, now)
	if err != nil {
		return in, err
	}
	if !ev.Kind.Volatile() {
		next.Updated = now
		next.note(ev, now)
	}
	return next, nil
}

// folds is the whole protocol: which event may follow which state.
var folds = map[Kind]func(Incident, Event, time.Time) (Incident, error){
	KindEvidence:   Incident.evidence,
	KindCheck:      Incident.check,
	KindConfirmed:  Incident.confirmed,
	KindPlanned:    Incident.planned,
	KindHeld:       Incident.held,
	KindWould:      Incident.would,
	KindAsked:      Incident.asked,
	KindAnswered:   Incident.answered,
	KindIntended:   Incident.intended,
	KindDispatched: Incident.dispatched,
	KindOutcome:    Incident.outcome,
	KindRepeated:   Incident.repeated,
	KindAssumed:    Incident.assumed,
	KindSettled:    Incident.settled,
	KindVerdict:    Incident.judged,
	KindCooling:    Incident.cooling,
	KindEscalated:  Incident.escalated,
	KindClosed:     Incident.closed,
}

func (in Incident) refuse(ev Event, why string) error {
	return fmt.Errorf("%w: %s of incident %q in state %q: %s", ErrOrder, ev.Kind, ev.Incident, in.State, why)
}
