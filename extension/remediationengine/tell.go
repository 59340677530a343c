// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/incident"
)

// Why evidence was not taken as it came.
var (
	reasonMerged = metric.WithAttributes(attribute.String("reason", "merged"))
	reasonFull   = metric.WithAttributes(attribute.String("reason", "queue_full"))
)

// tell writes an event into the log and the engine's own metrics.
func (l *loop) tell(ev incident.Event, before, after incident.Incident, said []audit.Record) {
	for _, r := range said {
		log := l.log.Info
		if r.Severity >= audit.Warn {
			log = l.log.Warn
		}
		log(r.Name, zap.String("incident", after.ID), zap.String("fault", after.Fault), zap.String("target", actuator.Clean(after.Target.String(), maxText)),
			zap.String("reason", ev.Reason), zap.String("text", ev.Text))
	}
	switch ev.Kind {
	case incident.KindHeld, incident.KindEscalated:
		verdict := "hold"
		if ev.Kind == incident.KindEscalated {
			verdict = "no"
		}
		if ev.Guard != "" {
			l.tel.RemediationEngineDecisions.Add(l.ctx, 1, metric.WithAttributes(attribute.String("verdict", verdict), attribute.String("reason", ev.Reason)))
		}
	case incident.KindWould:
		l.acted(ev.Labels[attrAction], "would_execute")
	case incident.KindIntended:
		if after.Actions == 1 && before.Actions == 0 {
			l.tel.RemediationEngineTimeToAct.Record(l.ctx, seconds(ev.Time.Sub(after.First)), metric.WithAttributes(attribute.String("fault", after.Fault)))
		}
	case incident.KindOutcome:
		l.acted(after.Intent.Request.Verb, string(ev.Result.Done.Outcome))
	case incident.KindVerdict:
		l.tel.RemediationEngineTimeToVerify.Record(l.ctx, seconds(ev.Time.Sub(before.Acted)), metric.WithAttributes(attribute.String("outcome", string(ev.Verdict))))
	default: // counted by state
	}
}

func (l *loop) acted(verb, outcome string) {
	l.tel.RemediationEngineActions.Add(l.ctx, 1, metric.WithAttributes(attribute.String("verb", verb), attribute.String("outcome", outcome)))
}

// observe registers what is read when metrics are collected.
func (e *engine) observe() error {
	if err := e.tel.RegisterRemediationEngineHeartbeatCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(e.beat.Load())
		return nil
	}); err != nil {
		return err
	}
	return e.tel.RegisterRemediationEngineIncidentsCallback(func(_ context.Context, o metric.Int64Observer) error {
		type label struct{ state, fault string }
		counts := map[label]int64{}
		for _, in := range e.book.List() {
			counts[label{string(in.State), in.Fault}]++
		}
		for key, n := range counts {
			o.Observe(n, metric.WithAttributes(attribute.String("state", key.state), attribute.String("fault", key.fault)))
		}
		return nil
	})
}
