// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"fmt"

	"github.com/homeostat/homeostat/extension/actuator"
)

func (e *systemdExtension) resetFailed() actuator.Verb {
	return actuator.Verb{
		Spec: specResetFailed,
		Plan: func(ctx context.Context, req actuator.Request) (actuator.Preview, error) {
			return e.plan(ctx, req, "clears the failure and the start limit of", notLoaded)
		},
		Execute: e.runResetFailed,
	}
}

// notLoaded holds nothing back but units that exist in name only. A unit that
// has not failed may still have used up its start limit.
func notLoaded(u unit) *actuator.Blocker {
	if u.load == "loaded" || u.active == "failed" {
		return nil
	}
	return u.unusable()
}

func (e *systemdExtension) runResetFailed(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	refused := actuator.Result{Outcome: actuator.Refused}
	if _, err := unitOf(req.Target); err != nil {
		return refused, err
	}
	conn, err := e.connect(ctx)
	if err != nil {
		return refused, err
	}
	defer conn.Close()
	u, err := e.asPlanned(ctx, conn, req, notLoaded)
	if err != nil {
		return refused, err
	}
	if err := ctx.Err(); err != nil {
		return refused, err
	}
	if err := conn.ResetFailedUnitContext(ctx, u.name); err != nil {
		if ctx.Err() != nil {
			return actuator.Result{Outcome: actuator.Unknown}, err
		}
		return refused, fmt.Errorf("%w: systemd refused: %w", actuator.ErrBlocked, cleaned(err))
	}
	return actuator.Result{
		Outcome: actuator.Applied, Detail: fmt.Sprintf("cleared the failure and the start limit of %s", u),
		Facts: map[string]string{"unit": u.name, "active_before": actuator.Clean(u.active, 40)},
	}, nil
}
