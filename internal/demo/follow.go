// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Names of the events and attributes that the demo reads; the engine's README
// lists them all.
const (
	eventOpened       = "remediation.incident.opened"
	eventResolved     = "remediation.incident.resolved"
	eventEscalated    = "remediation.incident.escalated"
	eventWouldExecute = "remediation.action.would_execute"
	eventExecuted     = "remediation.action.executed"

	attrIncident = "incident.id"
	attrFault    = "incident.fault"
	attrImpact   = "remediation.impact"
	attrAction   = "remediation.action"
	attrTarget   = "remediation.target"
)

// follow injects one fault in auto mode and watches it from both sides: the
// engine's decisions as they are exported, and the fault itself.
func follow(ctx context.Context, f fault, log *decisions, say *timeline) (Repair, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not repaired and proven within %s", patience))
	defer cancel()
	injected, err := breakNow(ctx, f, say)
	if err != nil {
		return Repair{}, err
	}
	one := Repair{Fault: f.title()}
	err = until(ctx, func() (bool, error) {
		if one.Recovered == 0 {
			broken, err := f.broken()
			if err != nil {
				return false, err
			}
			if !broken {
				now := time.Now()
				one.Recovered = now.Sub(injected)
				say.event(now, "recovered", f.title()+": "+f.evidence())
			}
		}
		more, err := log.more()
		for _, d := range more {
			say.decision(d)
			err = errors.Join(err, one.note(d, f.class(), injected))
		}
		return one.Recovered > 0 && one.Verified > 0, err
	})
	if err != nil {
		return one, err
	}
	one.Evidence = f.evidence()
	return one, f.untouched()
}

// note takes from a decision what it says about this fault.
func (r *Repair) note(d Decision, class string, injected time.Time) error {
	if d.Attr(attrFault) != class || d.Time.Before(injected) {
		return nil
	}
	after := d.Time.Sub(injected)
	switch d.Name {
	case eventOpened:
		r.Incident, r.Detected = d.Attr(attrIncident), after
	case eventExecuted:
		r.Actions = append(r.Actions, d.Attr(attrAction))
		if d.Attr(attrImpact) != "observe" {
			r.Acted = after
		}
	case eventResolved:
		r.Verified = after
	case eventEscalated:
		return fmt.Errorf("handed to a human: %s", d.Text)
	}
	return nil
}
