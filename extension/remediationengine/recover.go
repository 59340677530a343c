// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/journal"
	"github.com/homeostat/homeostat/internal/plan"
)

// writePause is how long a disk that refused a write is left alone.
const writePause = time.Second

// recover reads the journal and stands where it left off. Evidence is not
// remembered as fresh: no action follows before new data has come. Whatever
// was being executed is found without a worker, and clarified.
func (l *loop) recover(ctx context.Context, client storage.Client) {
	opts := journal.Options{Timeout: l.cfg.JournalTimeout, Pause: writePause, MaxRecords: l.cfg.MaxAuditRecords}
	var disk journal.Store
	if client != nil {
		disk = store{client}
	}
	j, restored, damage, err := journal.Open(ctx, disk, opts, l.state)
	if j == nil {
		// The disk may answer later, but what it holds is not known: this
		// process keeps its hands off both the host and the journal.
		l.unreadable = fmt.Sprintf("the journal cannot be read: %v", err)
		j, restored, _, _ = journal.Open(ctx, nil, opts, l.state)
		err = nil
	}
	l.journal, l.ledger, l.control = j, restored.Ledger, restored.Control
	if damage != nil {
		l.control.Damage, l.control.DamageAt = actuator.Clean(damage.Error(), maxText), l.started
		l.log.Error("the journal is damaged: automation is reduced to observe, what could not be read is set aside", zap.Error(damage))
		j.SetControl(l.control)
	}
	if err != nil {
		l.log.Error("what could not be read could not be set aside either", zap.Error(err))
	}
	if disk != nil && j.Fresh() {
		l.control.Began = l.started
		j.SetControl(l.control)
	}
	l.book.Restore(restored.Incidents)
	for _, in := range restored.Incidents {
		l.restore(in.ID)
	}
}

// restore puts an incident back into the indices.
func (l *loop) restore(id string) {
	in, ok := l.book.Get(id)
	if !ok || in.State.Closed() {
		return
	}
	before := in
	before.Evidence = nil
	l.follow(before, in)
}

// announce says at start what the engine may do, and to whom.
func (l *loop) announce(now time.Time) {
	s := l.standing.Load()
	plans, verbs := make([]string, 0, len(l.plans)), make([]string, 0, len(l.hands.verbs))
	for _, p := range l.plans {
		plans = append(plans, fmt.Sprintf("%s (%s)", p.ID, min(p.Mode, s.mode)))
	}
	for verb := range l.hands.verbs {
		verbs = append(verbs, verb)
	}
	slices.Sort(verbs)
	storage := "none: nothing is remembered across restarts"
	if l.cfg.Storage != nil {
		storage = l.cfg.Storage.String()
	}
	open := 0
	for _, in := range l.book.List() {
		if !in.State.Closed() {
			open++
		}
	}
	l.log.Info("remediation engine", zap.String("mode", l.cfg.Mode), zap.Stringer("effective", s.mode), zap.String("host", l.around.host.Name),
		zap.String("storage", storage), zap.Strings("plans", plans), zap.Strings("verbs", verbs), zap.Int("incidents", open))
	limits := l.cfg.Limits
	l.log.Info("remediation limits", zap.Duration("max_evidence_age", limits.MaxEvidenceAge), zap.Duration("warm_up", limits.WarmUp), zap.Duration("boot_warm_up", limits.BootWarmUp),
		zap.Duration("cooldown", limits.Cooldown.Initial), zap.Int("actions_per_incident", limits.ActionsPerIncident),
		zap.Int("actions_per_target_day", limits.ActionsPerTargetDay), zap.Int("actions_per_host_hour", limits.ActionsPerHostHour))
	l.note(now, recordStarted, audit.Info, fmt.Sprintf("the engine started: mode %s, %d plans, %d verbs, %d open incidents", s.mode, len(plans), len(verbs), open),
		map[string]any{attrMode: s.mode.String(), actuator.AttrHost: l.around.host.Name})
	if why := l.unproven(now); why != "" && s.mode == plan.Auto {
		l.log.Warn(why)
		l.note(now, recordFresh, audit.Warn, why, map[string]any{attrMode: s.mode.String(), actuator.AttrHost: l.around.host.Name})
	}
}

// unproven says why nothing that restarts or is heavier runs unasked although
// the journal is sound; "" when that is no longer so, or never was.
func (l *loop) unproven(now time.Time) string {
	hold := l.cfg.Limits.FreshJournalHold
	if began := l.control.Began; began.IsZero() || now.Sub(began) >= hold {
		return ""
	}
	return fmt.Sprintf("fresh journal: what was done before %s is not known, so nothing that restarts or is heavier runs unasked until %s (release the stop switch to go on)",
		l.control.Began.Format(time.RFC3339), l.control.Began.Add(hold).Format(time.RFC3339))
}

// withheld holds what the guards have let through when nobody can say what was
// done to the target before. A person's yes outweighs it.
func (l *loop) withheld(input guard.Input) guard.Verdict {
	if !input.Step.Spec.Impact.HeavierThan(actuator.Adjust) || input.Ceiling() != plan.Auto {
		return guard.Verdict{Say: guard.Go}
	}
	if why := l.unproven(input.Now); why != "" {
		return guard.Verdict{Say: guard.Hold, Guard: guardFresh, Reason: reasonFresh, Text: why}
	}
	return guard.Verdict{Say: guard.Go}
}

// guardFresh comes after the chain, and this is its reason.
const (
	guardFresh  = "fresh-journal"
	reasonFresh = "journal_fresh"
)
