// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

func (e *processExtension) stopService() actuator.Verb {
	return actuator.Verb{Spec: specStop, Plan: e.planStop, Execute: e.runStop, Probe: e.probeStop}
}

func (e *processExtension) planStop(_ context.Context, req actuator.Request) (actuator.Preview, error) {
	s, err := e.serviceNamed(req.Target)
	if err != nil {
		return actuator.Preview{}, err
	}
	now, err := e.observe(s)
	if err != nil {
		return actuator.Preview{}, err
	}
	p, err := e.onlyOne(s, now)
	if err != nil {
		return actuator.Preview{}, err
	}
	preview := actuator.Preview{
		Identity: now.identity(s), Target: "service " + s.name, Contribution: actuator.NoContribution,
		Effects: []string{
			fmt.Sprintf("sends TERM to %s", p),
			fmt.Sprintf("sends KILL if it still runs %s later", req.Params[paramGrace]),
		},
	}
	if blocked := e.signalBlocker(p); blocked != nil {
		preview.Blockers = []actuator.Blocker{*blocked}
	}
	return preview, nil
}

// onlyOne returns the process of a service, if there is exactly one and it may
// be ended.
func (e *processExtension) onlyOne(s service, now instance) (subject, error) {
	switch len(now.running) {
	case 0:
		return subject{}, fmt.Errorf("%w: service %s does not run", actuator.ErrNotFound, s.name)
	case 1:
	default:
		return subject{}, fmt.Errorf("%w: service %s runs %d times: %s", actuator.ErrAmbiguous, s.name, len(now.running), names(now.running, 4))
	}
	if why := e.protected(now.running[0]); why != "" {
		return subject{}, fmt.Errorf("%w: %s: %s", actuator.ErrProtected, now.running[0], why)
	}
	return now.running[0], nil
}

func (e *processExtension) runStop(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	s, err := e.serviceNamed(req.Target)
	if err != nil {
		return refused, err
	}
	release, err := e.lock(ctx, s.name)
	if err != nil {
		return refused, err
	}
	defer release()
	now, err := e.asPlanned(s, req)
	if err != nil {
		return refused, err
	}
	p, err := e.onlyOne(s, now)
	if err != nil {
		return refused, err
	}
	h, err := hold(actuator.Request{
		Target:   actuator.Target{Attr: map[string]string{actuator.AttrPID: p.identity()[idPID]}},
		Identity: p.identity(),
	})
	if err != nil {
		return refused, err
	}
	defer h.handle.close()
	if err := ctx.Err(); err != nil {
		return refused, err
	}
	result, err := deliver(ctx, h, delivery{signal: unix.SIGTERM, name: "TERM", grace: req.Params[paramGrace].(time.Duration), kill: true})
	if result.Outcome == actuator.Refused {
		return result, err
	}
	r := now.record
	r.Service, r.Phase, r.Operation, r.BootID, r.Changed = s.name, phaseStopped, req.Operation, now.boot, time.Now().UTC()
	result.Facts["service"] = s.name
	return result, errors.Join(err, writeRecord(e.recordFile(s.name), r))
}

// probeStop asks whether what was planned on still runs.
func (e *processExtension) probeStop(_ context.Context, req actuator.Request) (actuator.Outcome, error) {
	s, err := e.serviceNamed(req.Target)
	if err != nil {
		return actuator.Unknown, err
	}
	now, err := e.observe(s)
	if err != nil {
		return actuator.Unknown, err
	}
	switch {
	case req.Identity[idRunning] == "" || req.Identity[idRunning] == nothingRuns:
		return actuator.Unknown, fmt.Errorf("%w: the request carries no process", actuator.ErrParams)
	case now.identity(s)[idRunning] != req.Identity[idRunning]:
		return actuator.Applied, nil
	}
	return actuator.Unknown, nil
}
