// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
)

var _ actuator.Actuator = (*filesystemExtension)(nil)

type filesystemExtension struct {
	*actuator.Set
	cfg    *Config
	logger *zap.Logger
}

func newExtension(cfg *Config, set extension.Settings) *filesystemExtension {
	e := &filesystemExtension{cfg: cfg, logger: set.Logger}
	e.Set = actuator.NewSet(e.verb(specExplain), e.verb(specClean))
	return e
}

// Start implements component.Component.
func (e *filesystemExtension) Start(context.Context, component.Host) error {
	e.logger.Debug("actuator started", zap.Any("config", e.cfg))
	return nil
}

// Shutdown implements component.Component.
func (e *filesystemExtension) Shutdown(context.Context) error { return nil }

// verb refuses every request until what does it is in place.
func (e *filesystemExtension) verb(spec actuator.Spec) actuator.Verb {
	refuse := fmt.Errorf("%w: %s", actuator.ErrUnknownVerb, spec.Verb)
	v := actuator.Verb{
		Spec: spec,
		Plan: func(context.Context, actuator.Request) (actuator.Preview, error) { return actuator.Preview{}, refuse },
		Execute: func(context.Context, actuator.Request) (actuator.Result, error) {
			return actuator.Result{Outcome: actuator.Refused}, refuse
		},
	}
	if spec.Replay == actuator.Probeable {
		v.Probe = func(context.Context, actuator.Request) (actuator.Outcome, error) { return actuator.Unknown, refuse }
	}
	if spec.Reversible {
		v.Undo = func(context.Context, actuator.Request, actuator.Result) (actuator.Result, error) {
			return actuator.Result{Outcome: actuator.Refused}, refuse
		}
	}
	return v
}
