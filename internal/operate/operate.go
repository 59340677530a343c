// SPDX-License-Identifier: Apache-2.0

// Package operate is the contract between the engine and the people who run
// it: what they may see and what they may say. The console extension serves
// it over HTTP; the engine implements it.
package operate

import (
	"context"
	"errors"
	"time"
)

// Errors that a Desk answers with.
var (
	ErrNotFound = errors.New("no such incident")
	ErrTooLate  = errors.New("the question is no longer open")             // answered, expired, or the incident moved on
	ErrDigest   = errors.New("the question has changed since it was read") // read it again, then answer
)

// Desk is what an operator can do. Safe for concurrent use; calls return
// within milliseconds unless the journal's disk hangs, and honour ctx.
type Desk interface {
	// Status tells mode, stop switch, plans, actuators and counts.
	Status() Status
	// Incidents lists live incidents and recently closed ones, newest first.
	Incidents() []Incident
	// Incident returns one with its history, or ErrNotFound.
	Incident(id string) (Incident, error)
	// Answer approves or denies the open question of an incident. It errs
	// with ErrNotFound, ErrTooLate or ErrDigest.
	Answer(ctx context.Context, answer Answer) error
	// SetStop throws or releases the stop switch. While it is thrown nothing
	// is executed; the engine keeps watching. It survives a restart.
	SetStop(ctx context.Context, stop Stop) error
}

// Status is the engine in one glance.
type Status struct {
	Mode      string         `json:"mode"`       // configured ceiling: observe, approve or auto
	Effective string         `json:"effective"`  // what the ceiling is now
	Why       string         `json:"why"`        // why effective is below mode, or what is withheld although it is not; "" when nothing is
	Stopped   bool           `json:"stopped"`    // the stop switch is thrown
	Plans     []string       `json:"plans"`      // ids
	Actuators []string       `json:"actuators"`  // component ids
	Incidents map[string]int `json:"incidents"`  // count by state
	Started   time.Time      `json:"started_at"` //
}

// Incident is a view for people; it shares no memory with the engine.
type Incident struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	Fault    string    `json:"fault"`
	Severity string    `json:"severity"`
	Target   string    `json:"target"` // kind:key
	Plan     string    `json:"plan"`   // "" when no plan matched
	Step     string    `json:"step"`   // current or last step id
	Reason   string    `json:"reason"` // why it is in this state
	Opened   time.Time `json:"opened_at"`
	Updated  time.Time `json:"updated_at"`
	Question *Question `json:"question,omitempty"` // open while awaiting approval
	History  []Entry   `json:"history,omitempty"`  // only in Desk.Incident
}

// Question is what an operator is asked to approve. Digest binds plan, step,
// parameters and target identity: a changed question has another digest.
type Question struct {
	Digest  string    `json:"digest"`
	Action  string    `json:"action"`  // verb and target in words
	Preview []string  `json:"preview"` // what would be done
	Expires time.Time `json:"expires_at"`
}

// Entry is one line of an incident's story.
type Entry struct {
	Time time.Time `json:"time"`
	Name string    `json:"name"` // event name
	Text string    `json:"text"` // one sentence
}

// Answer is an operator's word on a Question.
type Answer struct {
	Incident string
	Digest   string
	Approve  bool
	By       string // who; authenticated by whoever calls
	Comment  string
}

// Stop is an operator's hand on the stop switch.
type Stop struct {
	On      bool
	By      string
	Comment string
}
