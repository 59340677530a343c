// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"maps"
	"math"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/incident"
)

// Names of audit records.
const (
	recordOpened      = "remediation.incident.opened"
	recordConfirmed   = "remediation.incident.confirmed"
	recordResolved    = "remediation.incident.resolved"
	recordCooldown    = "remediation.incident.cooldown"
	recordEscalated   = "remediation.incident.escalated"
	recordExternally  = "remediation.incident.resolved_externally"
	recordForgotten   = "remediation.incident.forgotten"
	recordPlan        = "remediation.plan.selected"
	recordHeld        = "remediation.guard.held"
	recordRefused     = "remediation.guard.refused"
	recordRequested   = "remediation.approval.requested"
	recordGranted     = "remediation.approval.granted"
	recordDenied      = "remediation.approval.denied"
	recordExpired     = "remediation.approval.expired"
	recordWould       = "remediation.action.would_execute"
	recordIntended    = "remediation.action.intended"
	recordExecuted    = "remediation.action.executed"
	recordFailed      = "remediation.action.failed"
	recordUnknown     = "remediation.action.unknown"
	recordRepeated    = "remediation.action.repeated"
	recordAssumed     = "remediation.action.assumed"
	recordVerifying   = "remediation.verify.started"
	recordVerdict     = "remediation.verify.result"
	recordStarted     = "remediation.engine.started"
	recordStopped     = "remediation.engine.stopped"
	recordStopThrown  = "remediation.engine.stop_thrown"
	recordStopRelease = "remediation.engine.stop_released"
	recordFresh       = "remediation.engine.fresh_journal"
	recordReduced     = "remediation.engine.reduced"
	recordRestored    = "remediation.engine.restored"
)

// Attributes of audit records.
const (
	attrIncidentID       = "incident.id"
	attrIncidentFault    = "incident.fault"
	attrIncidentState    = "incident.state"
	attrIncidentSeverity = "incident.severity"
	attrAnomalyID        = "anomaly.id"
	attrPlan             = "remediation.plan"
	attrStep             = "remediation.step"
	attrAttempt          = "remediation.attempt"
	attrAction           = "remediation.action"
	attrImpact           = "remediation.impact"
	attrOperation        = "remediation.operation.id"
	attrTarget           = "remediation.target"
	attrTargetName       = "remediation.target.name"
	attrOutcome          = "remediation.outcome"
	attrReason           = "remediation.reason"
	attrGuard            = "remediation.guard"
	attrMode             = "remediation.mode"
	attrApprover         = "remediation.approver"
	attrTimeToDetect     = "remediation.time_to_detect"
	attrTimeToAct        = "remediation.time_to_act"
	attrTimeToVerify     = "remediation.time_to_verify"
)

// records tells what an event means to people, in the order in which it
// happened: after is the incident that the event made of before.
func records(ev incident.Event, before, after incident.Incident) []audit.Record {
	r := recorder{ev: ev, before: before, after: after}
	switch ev.Kind {
	case incident.KindOpened:
		r.add(recordOpened, audit.Warn, map[string]any{attrTimeToDetect: seconds(ev.Time.Sub(after.First))})
	case incident.KindConfirmed:
		r.add(recordConfirmed, audit.Info, nil)
	case incident.KindPlanned:
		r.add(recordPlan, audit.Info, nil)
	case incident.KindHeld:
		r.add(recordHeld, audit.Info, map[string]any{attrGuard: ev.Guard})
	case incident.KindWould:
		r.add(recordWould, audit.Warn, map[string]any{attrStep: ev.Step})
	case incident.KindAsked:
		r.add(recordRequested, audit.Warn, nil)
	case incident.KindAnswered:
		r.answered()
	case incident.KindIntended:
		r.add(recordIntended, audit.Info, map[string]any{attrTimeToAct: seconds(ev.Time.Sub(after.First))})
	case incident.KindRepeated:
		r.add(recordRepeated, audit.Warn, nil)
	case incident.KindOutcome:
		r.outcome()
	case incident.KindAssumed:
		r.add(recordAssumed, audit.Warn, nil)
	case incident.KindSettled:
		r.add(recordVerifying, audit.Info, nil)
	case incident.KindVerdict:
		r.verdict()
	case incident.KindCooling:
		r.add(recordCooldown, audit.Info, nil)
	case incident.KindEscalated:
		r.escalated()
	case incident.KindClosed:
		if ev.Close == incident.Forgotten {
			r.add(recordForgotten, audit.Info, nil)
		} else {
			r.add(recordExternally, audit.Info, nil)
		}
	default: // dispatched is told by intended, evidence and checks by what they lead to
	}
	return r.out
}

// recorder collects the records of one event.
type recorder struct {
	ev            incident.Event
	before, after incident.Incident
	out           []audit.Record
}

func (r *recorder) add(name string, severity audit.Severity, more map[string]any) {
	in := r.after
	attributes := map[string]any{
		attrIncidentID: in.ID, attrIncidentFault: in.Fault, attrIncidentState: string(in.State),
		attrIncidentSeverity: string(in.Severity), attrTarget: in.Target.String(), actuator.AttrHost: in.Host,
	}
	for key, value := range map[string]string{
		attrAnomalyID: in.Anomaly, attrPlan: in.PlanID, attrStep: r.before.StepID(), attrReason: r.ev.Reason,
	} {
		if value != "" {
			attributes[key] = value
		}
	}
	if r.about(in.Intent) {
		it := in.Intent
		attributes[attrStep], attributes[attrAttempt] = it.Step, int64(it.Attempt)
		attributes[attrAction], attributes[attrImpact] = it.Request.Verb, it.Impact.String()
		attributes[attrOperation], attributes[attrTargetName] = it.Request.Operation, it.Target
	}
	for key, value := range r.ev.Labels {
		attributes[key] = value
	}
	maps.Copy(attributes, more)
	r.out = append(r.out, audit.Record{
		Time: r.ev.Time, Name: name, Severity: severity, Body: r.ev.Text, Incident: in.ID, Attributes: attributes,
	})
}

// about reports whether the event is about the last action.
func (r *recorder) about(it *incident.Intent) bool {
	if it == nil {
		return false
	}
	switch r.ev.Kind {
	case incident.KindIntended, incident.KindRepeated, incident.KindOutcome, incident.KindAssumed,
		incident.KindSettled, incident.KindVerdict, incident.KindCooling:
		return true
	default:
		return false
	}
}

func (r *recorder) answered() {
	by := map[string]any{attrApprover: r.ev.Answer.By}
	if r.ev.Answer.Approve {
		r.add(recordGranted, audit.Warn, by)
		return
	}
	r.add(recordDenied, audit.Warn, by)
	r.add(recordEscalated, audit.Warn, nil)
}

func (r *recorder) outcome() {
	outcome := r.ev.Result.Done.Outcome
	more := map[string]any{attrOutcome: string(outcome)}
	switch outcome {
	case actuator.Applied:
		r.add(recordExecuted, audit.Warn, more)
	case actuator.NotApplied, actuator.Refused:
		r.add(recordFailed, audit.Warn, more)
	default:
		r.add(recordUnknown, audit.Error, more)
	}
}

func (r *recorder) verdict() {
	took := seconds(r.ev.Time.Sub(r.before.Acted))
	severity := audit.Info
	if r.ev.Verdict != incident.Passed {
		severity = audit.Warn
	}
	r.add(recordVerdict, severity, map[string]any{attrOutcome: string(r.ev.Verdict), attrTimeToVerify: took})
	switch r.after.State {
	case incident.Resolved:
		r.add(recordResolved, audit.Info, map[string]any{attrTimeToVerify: took})
	case incident.Escalated:
		r.add(recordEscalated, audit.Error, nil)
	default: // the next attempt or step speaks for itself
	}
}

func (r *recorder) escalated() {
	switch {
	case r.ev.Guard != "":
		r.add(recordRefused, audit.Warn, map[string]any{attrGuard: r.ev.Guard})
	case r.ev.Reason == reasonExpired:
		r.add(recordExpired, audit.Warn, nil)
	}
	r.add(recordEscalated, audit.Error, nil)
}

// seconds is never negative: a clock that steps back is no negative delay.
func seconds(d time.Duration) float64 { return math.Max(0, d.Seconds()) }
