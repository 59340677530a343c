// SPDX-License-Identifier: Apache-2.0

// Package consoletest has a Desk in memory, for tests of whatever serves one
// or talks to one.
package consoletest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/homeostat/homeostat/internal/operate"
)

// Opened is when the incidents of NewDesk were opened.
var Opened = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Hostile is text that must never reach a terminal or a page unescaped: a
// screen clearing, a title change, a direction override, C1 control, markup,
// a line break, a NUL and invalid UTF-8.
const Hostile = "evil\x1b[2J\x1b]0;pwned\a\u202etxt.exe\u009b31m<script>alert(1)</script>\r\nfake\x00\xff"

// Desk is an operate.Desk in memory. Safe for concurrent use.
type Desk struct {
	mu        sync.Mutex // guards everything below
	status    operate.Status
	incidents []operate.Incident
	answers   []operate.Answer
	stops     []operate.Stop
	err       error
	hang      bool
	waiting   int
}

var _ operate.Desk = (*Desk)(nil)

// NewDesk has three incidents: one that awaits approval (inc-ask), one that
// is being verified (inc-run), and one on a target with a Hostile name
// (inc-evil).
func NewDesk() *Desk {
	return &Desk{
		status: operate.Status{
			Mode: "auto", Effective: "observe", Why: "storage has no fsync",
			Plans: []string{"disk-full", "service-down"}, Actuators: []string{"process_actuator", "systemd_actuator"},
			Incidents: map[string]int{"awaiting_approval": 1, "verifying": 1, "detected": 1}, Started: Opened.Add(-time.Hour),
		},
		incidents: []operate.Incident{
			{
				ID: "inc-ask", State: "awaiting_approval", Fault: "service_down", Severity: "critical",
				Target: "systemd_unit:nginx.service", Plan: "service-down", Step: "start", Reason: "approval_required",
				Opened: Opened, Updated: Opened.Add(time.Minute),
				Question: &operate.Question{
					Digest: "sha256:abc", Action: "systemd.start nginx.service",
					Preview: []string{"start nginx.service", "it is failed since 03:04:00"}, Expires: Opened.Add(15 * time.Minute),
				},
				History: []operate.Entry{
					{Time: Opened, Name: "remediation.incident.opened", Text: "nginx.service is absent"},
					{Time: Opened.Add(time.Minute), Name: "remediation.approval.requested", Text: "an operator has to approve"},
				},
			},
			{
				ID: "inc-run", State: "verifying", Fault: "disk_full", Severity: "warning", Target: "filesystem:/var",
				Plan: "disk-full", Step: "vacuum", Reason: "settled", Opened: Opened.Add(-time.Hour), Updated: Opened,
			},
			{
				ID: "inc-evil", State: "detected", Fault: Hostile, Severity: "info", Target: "process:" + Hostile,
				Reason: Hostile, Opened: Opened.Add(-2 * time.Hour), Updated: Opened,
				History: []operate.Entry{{Time: Opened, Name: "remediation.incident.opened", Text: Hostile}},
			},
		},
	}
}

// Fail makes every decision end with err; nil ends that.
func (d *Desk) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// Hang makes every decision wait until its caller gives up.
func (d *Desk) Hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hang = true
}

// Waiting returns how many decisions hang.
func (d *Desk) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

// Clear forgets all incidents.
func (d *Desk) Clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.incidents = nil
}

// Answers returns the answers that were given, in order, refused ones left
// out.
func (d *Desk) Answers() []operate.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.answers)
}

// Stops returns what was said about the stop switch, in order.
func (d *Desk) Stops() []operate.Stop {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.stops)
}

// Status implements operate.Desk.
func (d *Desk) Status() operate.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// Incidents implements operate.Desk.
func (d *Desk) Incidents() []operate.Incident {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := slices.Clone(d.incidents)
	for i := range list {
		list[i].History = nil
	}
	return list
}

// Incident implements operate.Desk.
func (d *Desk) Incident(id string) (operate.Incident, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.find(id); i >= 0 {
		return d.incidents[i], nil
	}
	return operate.Incident{}, operate.ErrNotFound
}

// Answer implements operate.Desk: an answer works once.
func (d *Desk) Answer(ctx context.Context, answer operate.Answer) error {
	if err := d.trouble(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.find(answer.Incident)
	switch {
	case i < 0:
		return operate.ErrNotFound
	case d.incidents[i].Question == nil:
		return operate.ErrTooLate
	case d.incidents[i].Question.Digest != answer.Digest:
		return operate.ErrDigest
	}
	d.incidents[i].Question = nil
	d.incidents[i].State = "denied"
	if answer.Approve {
		d.incidents[i].State = "reserved"
	}
	d.answers = append(d.answers, answer)
	return nil
}

// SetStop implements operate.Desk.
func (d *Desk) SetStop(ctx context.Context, stop operate.Stop) error {
	if err := d.trouble(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.Stopped = stop.On
	d.stops = append(d.stops, stop)
	return nil
}

func (d *Desk) trouble(ctx context.Context) error {
	d.mu.Lock()
	err, hang := d.err, d.hang
	if hang {
		d.waiting++
	}
	d.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (d *Desk) find(id string) int {
	return slices.IndexFunc(d.incidents, func(in operate.Incident) bool { return in.ID == id })
}
