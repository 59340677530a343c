// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
)

var (
	_ actuator.Actuator = (*processExtension)(nil)

	// pageSize is the unit of the resident set in /proc.
	pageSize = int64(os.Getpagesize())
)

type processExtension struct {
	*actuator.Set
	cfg    *Config
	logger *zap.Logger

	// reapers collect the daemons that were started when they end. They run
	// from Start to Shutdown; the daemons go on.
	reapers sync.WaitGroup
	stop    context.CancelFunc
	running context.Context // the span between Start and Shutdown, for the reapers alone
}

func newExtension(cfg *Config, set extension.Settings) *processExtension {
	e := &processExtension{cfg: cfg, logger: set.Logger}
	e.running, e.stop = context.WithCancel(context.Background())
	e.Set = actuator.NewSet(e.explain(), e.renice(), e.signal(), e.start(), e.stopService())
	return e
}

// Start checks the services and takes charge again of daemons that an earlier
// configuration of this process started.
func (e *processExtension) Start(context.Context, component.Host) error {
	if len(e.cfg.Services) == 0 {
		return nil
	}
	return e.openServices()
}

// Shutdown waits for the reapers. Daemons that were started run on.
func (e *processExtension) Shutdown(context.Context) error {
	e.stop()
	e.reapers.Wait()
	return nil
}
