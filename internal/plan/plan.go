// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/incident"
)

// Mode is how much authority something has, from none to full.
type Mode int

const (
	Observe Mode = iota // decide and record, change nothing
	Approve             // ask a person before each change
	Auto                // act
)

// String is the mode as it is written in configurations.
func (m Mode) String() string {
	switch m {
	case Approve:
		return "approve"
	case Auto:
		return "auto"
	default:
		return "observe"
	}
}

// MarshalText writes the mode as in configurations.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseMode reads a mode as it is written in configurations.
func ParseMode(text string) (Mode, error) {
	for _, m := range []Mode{Observe, Approve, Auto} {
		if text == m.String() {
			return m, nil
		}
	}
	return Observe, fmt.Errorf("must be observe, approve or auto (got %q)", text)
}

// Plan answers one class of fault.
type Plan struct {
	ID      string          `json:"id"`
	Match   labels.Matchers `json:"match"` // all must match
	Target  TargetSpec      `json:"target"`
	Confirm Confirm         `json:"confirm"`
	Mode    Mode            `json:"mode"` // observe unless the plan says otherwise
	Steps   []Step          `json:"steps"`
}

// Confirm says how much evidence is enough: K of the last N points of one
// series fire, and they have done so for at least For.
type Confirm struct {
	K   int           `json:"k"`
	N   int           `json:"n"`
	For time.Duration `json:"for"`
}

// Met reports whether the evidence is enough.
func (c Confirm) Met(ev incident.Evidence) bool { return ev.Of(c.K, c.N, c.For) }

// String is the rule in words.
func (c Confirm) String() string { return fmt.Sprintf("%d of %d points for %s", c.K, c.N, c.For) }

// Escalate is the action that hands the incident to a person. No actuator is
// asked.
const Escalate = "notify.escalate"

// Step is one thing to try. After Bind, Spec is what the actuator declares,
// Params are complete, and what was not written has the default of its impact
// class.
type Step struct {
	ID       string           `json:"id"`
	Action   string           `json:"action"`
	Params   map[string]any   `json:"params,omitempty"`
	Attempts int              `json:"attempts"` // 0 before Bind: the default of the class
	Backoff  incident.Backoff `json:"backoff"`
	Settle   time.Duration    `json:"settle"` // negative before Bind: the default of the class
	Verify   *Verify          `json:"verify,omitempty"`
	Reason   string           `json:"reason,omitempty"` // why a destroy may run unasked
	Spec     actuator.Spec    `json:"spec"`
}

// Escalates reports whether the step is notify.escalate.
func (s Step) Escalates() bool { return s.Action == Escalate }

// Changes reports whether the step can change anything.
func (s Step) Changes() bool { return !s.Escalates() && s.Spec.Impact != actuator.Observe }

// MaxDuration is how long the verb may take.
func (s Step) MaxDuration() time.Duration {
	if s.Spec.MaxDuration > 0 {
		return s.Spec.MaxDuration
	}
	return 30 * time.Second
}

// Verify says what must be true, and for how long, before the step counts as
// a repair. Every part that is given must hold.
type Verify struct {
	Clear    bool          `json:"clear,omitempty"` // the same series are ordinary again
	Gone     bool          `json:"gone,omitempty"`  // the target that was acted on exists no more
	TCP      string        `json:"tcp,omitempty"`   // host:port that accepts connections
	Hold     time.Duration `json:"hold"`
	Deadline time.Duration `json:"deadline"` // from the end of the action
}

// Digest names the plan with everything that it would do.
func (p Plan) Digest() string {
	// Plans are made of plain values, so that encoding them cannot fail.
	data, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("BUG: plan %q cannot be encoded: %v", p.ID, err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Bounds is what of the plan bounds an incident, maxActions being the
// engine's limit for one incident.
func (p Plan) Bounds(maxActions int) incident.Plan {
	bounds := incident.Plan{MaxActions: maxActions}
	for _, s := range p.Steps {
		bounds.Steps = append(bounds.Steps, incident.Step{ID: s.ID, Attempts: s.Attempts, Backoff: s.Backoff})
	}
	return bounds
}
