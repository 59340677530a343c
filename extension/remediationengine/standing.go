// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/plan"
)

// standing is how much authority there is at the moment.
type standing struct {
	mode    plan.Mode
	why     string // why mode is below the configured one; "" when it is not
	stopped string // who or what threw the stop switch; "" when it is released
	fresh   string // why there is less than mode says; "" when there is not
	thrown  bool   // the switch of the API, which the journal keeps
}

// damageWeighs is how long damage of the journal reduces automation unless a
// person releases it: what could not be read may be a spent budget, and no
// budget reaches further back than a day.
const damageWeighs = 24 * time.Hour

// stand finds out how much authority there is, and tells when that changes.
func (l *loop) stand(now time.Time) {
	s := standing{mode: l.ceiling, why: l.reduced(now), thrown: l.control.Stopped}
	if s.why != "" {
		s.mode = plan.Observe
	}
	if s.mode == plan.Auto {
		s.fresh = l.unproven(now)
	}
	switch {
	case l.control.Stopped:
		s.stopped = "by " + l.control.By
		if l.control.Comment != "" {
			s.stopped += ": " + l.control.Comment
		}
	default:
		s.stopped = stopFile(l.cfg.StopFile)
	}
	before := l.standing.Swap(&s)
	switch {
	case before == nil && s.why == "" || before != nil && before.why == s.why:
		return
	case s.why != "":
		l.log.Error("automation is reduced to observe", zap.String("why", s.why))
		l.note(now, recordReduced, audit.Error, "automation is reduced to observe: "+s.why, map[string]any{attrMode: s.mode.String()})
		l.report(errors.New("automation is reduced to observe: " + s.why))
	default:
		l.log.Info("automation is restored", zap.Stringer("mode", s.mode))
		l.note(now, recordRestored, audit.Info, "automation is restored to "+s.mode.String(), map[string]any{attrMode: s.mode.String()})
		l.report(nil)
	}
}

// reduced says why there is less authority than was configured. In observe
// mode the reasons matter too: a person wants to know of a broken journal.
func (l *loop) reduced(now time.Time) string {
	if now.Sub(l.read) >= tick || now.Before(l.read) {
		l.read = now
		l.policy, l.unread = readPolicy(l.cfg.PolicyFile)
	}
	switch {
	case l.unreadable != "":
		return l.unreadable
	case l.control.Damage != "" && now.Sub(l.control.DamageAt) < damageWeighs:
		return "the journal was damaged, so budgets may be spent: " + l.control.Damage + " (release the stop switch to go on)"
	case !l.journal.Healthy():
		return "the journal cannot be written"
	case l.unread != nil:
		return l.unread.Error()
	default:
		return ""
	}
}
