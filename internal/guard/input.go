// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/plan"
)

// Answer of a guard.
type Answer string

const (
	Go   Answer = "go"
	Hold Answer = "hold" // not now: ask again
	No   Answer = "no"   // never for this incident: a person must look
)

// Verdict is an answer with its reason: a code that never changes, and one
// sentence for people.
type Verdict struct {
	Say    Answer
	Guard  string
	Reason string
	Text   string
}

// Guard is one rule. Ask must be pure.
type Guard struct {
	Name  string
	Ask   func(Input) Verdict
	Armed bool // is about authority, not about the case: silent in a rehearsal
}

// Input is everything that a decision depends on.
type Input struct {
	Now      time.Time
	Incident incident.Incident
	Plan     plan.Plan
	Step     plan.Step // the next one
	Facts    Facts
	Ledger   *Ledger
	Limits   Limits
	Rehearse bool // decide as if there were authority
}

// Facts are what the engine knows about itself and its host.
type Facts struct {
	Stopped string    // who or what threw the stop switch; "" when it is released
	Mode    plan.Mode // the engine's ceiling as it is now
	Why     string    // why the ceiling is below the configured one; "" when it is not
	Policy  Policy    // local policy by impact class
	Journal bool      // the journal accepts writes
	Durable bool      // its storage writes with fsync
	Host    plan.Host
	Started time.Time                    // of the engine
	Booted  time.Time                    // of the host; zero when unknown
	Busy    string                       // another incident whose action on the same target is not judged yet
	Flights map[string]actuator.Identity // by incident: whom actions that are not judged yet act on
	Workers int                          // free ones
	Preview *Preview                     // what the actuator says would happen; nil until it was asked
}

// Preview is the answer of an actuator to "what would you do".
type Preview struct {
	actuator.Preview
	Error string // code of why there is none; "" when there is one
	Text  string // the error for people
}

// Limits are the numbers behind the guards.
type Limits struct {
	MaxEvidenceAge      time.Duration
	MaxReceiveAge       time.Duration
	WarmUp              time.Duration
	BootWarmUp          time.Duration
	CooldownInitial     time.Duration
	CooldownFactor      float64
	CooldownMax         time.Duration
	ActionsPerTargetDay int
	ActionsPerHostHour  int
}

// Policy caps the mode per impact class; a class that is not named is not
// capped.
type Policy map[actuator.Impact]plan.Mode

// Ceiling is the mode under which the step would run: the least of what plan,
// engine and policy allow, and at most approve for what takes a whole host.
func (in Input) Ceiling() plan.Mode {
	ceiling := min(in.Plan.Mode, in.Facts.Mode)
	if limit, capped := in.Facts.Policy[in.Step.Spec.Impact]; capped {
		ceiling = min(ceiling, limit)
	}
	if in.Step.Spec.Impact == actuator.Host {
		ceiling = min(ceiling, plan.Approve)
	}
	return ceiling
}

// Digest binds what a person is asked to approve: plan, step, attempt,
// parameters, target and its incarnation, effects and policy. Whatever
// changes makes another question.
func (in Input) Digest() string {
	subject := struct {
		Incident, Plan, Step string
		Attempt              int
		Action               string
		Params               map[string]any
		Target               actuator.Target
		Identity             actuator.Identity
		Effects              []string
		Policy               Policy
		Ceiling              plan.Mode
	}{
		in.Incident.ID, in.Plan.Digest(), in.Step.ID, in.Incident.Attempt + 1,
		in.Step.Action, in.Step.Params, in.Incident.Target, nil, nil, in.Facts.Policy, in.Ceiling(),
	}
	if in.Facts.Preview != nil {
		subject.Identity, subject.Effects = in.Facts.Preview.Identity, Shown(in.Facts.Preview.Effects)
	}
	if in.Incident.State == incident.Ambiguous {
		subject.Effects = in.Incident.Agreed // it is repeated as it was agreed to, or not at all
	}
	data, err := json.Marshal(subject)
	if err != nil {
		panic(fmt.Sprintf("BUG: a question cannot be encoded: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// maxEffect bounds an effect in a question.
const maxEffect = 256

// Shown are effects as a person sees them in a question, and as the digest
// binds them.
func Shown(effects []string) []string {
	var shown []string
	for _, effect := range effects {
		shown = append(shown, actuator.Clean(effect, maxEffect))
	}
	return shown
}

func hold(reason, format string, args ...any) Verdict {
	return Verdict{Say: Hold, Reason: reason, Text: fmt.Sprintf(format, args...)}
}

func no(reason, format string, args ...any) Verdict {
	return Verdict{Say: No, Reason: reason, Text: fmt.Sprintf(format, args...)}
}

var pass = Verdict{Say: Go}
