// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
)

var _ actuator.Actuator = (*systemdExtension)(nil)

type systemdExtension struct {
	*actuator.Set
	cfg    *Config
	logger *zap.Logger
	own    string // the collector's own unit, "" when it runs in none

	mu          sync.Mutex // guards everything below
	host        component.Host
	reported    bool // something was reported since Start
	unreachable bool // what was reported last
}

func newExtension(cfg *Config, set extension.Settings) *systemdExtension {
	e := &systemdExtension{cfg: cfg, logger: set.Logger}
	cgroups, err := os.ReadFile("/proc/self/cgroup")
	if err == nil {
		e.own = ownUnit(string(cgroups))
	}
	verbs := []actuator.Verb{e.explain()}
	for _, j := range jobVerbs {
		verbs = append(verbs, e.job(j))
	}
	e.Set = actuator.NewSet(append(verbs, e.resetFailed())...)
	return e
}

// Start tries the connection once, to tell early that it does not work. The
// extension runs anyway: every call connects anew, and systemd may come back.
func (e *systemdExtension) Start(ctx context.Context, host component.Host) error {
	e.mu.Lock()
	e.host, e.reported = host, false
	e.mu.Unlock()
	if len(e.cfg.Units) == 0 {
		e.logger.Info("units is empty: the actuator only explains")
	}
	conn, err := e.connect(ctx)
	if err == nil {
		conn.Close()
	}
	return nil
}

// Shutdown has nothing to end: no connection outlives its call.
func (e *systemdExtension) Shutdown(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.host = nil
	return nil
}

// report tells the host and the log when systemd goes out of reach or comes
// back, and nothing as long as that stays the same.
func (e *systemdExtension) report(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.host == nil || (e.reported && e.unreachable == (err != nil)) {
		return
	}
	first := !e.reported
	e.reported, e.unreachable = true, err != nil
	switch {
	case err != nil:
		e.logger.Warn("systemd cannot be reached: every verb is refused until it can", zap.String("scope", string(e.cfg.Scope)),
			zap.String("address", e.cfg.Address), zap.Error(err))
		componentstatus.ReportStatus(e.host, componentstatus.NewRecoverableErrorEvent(err))
	case !first:
		e.logger.Info("systemd can be reached again")
		componentstatus.ReportStatus(e.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}
