// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

var _ actuator.Actuator = (*filesystemExtension)(nil)

type filesystemExtension struct {
	*actuator.Set
	cfg    *Config
	logger *zap.Logger

	writing sync.Mutex // one operation at a time: they share the reserve for manifests
}

func newExtension(cfg *Config, set extension.Settings) *filesystemExtension {
	e := &filesystemExtension{cfg: cfg, logger: set.Logger}
	e.Set = actuator.NewSet(e.explain(), e.clean())
	return e
}

// Start makes the manifest directory and its reserve, if there is a recipe
// that will need them.
func (e *filesystemExtension) Start(context.Context, component.Host) error {
	if len(e.cfg.Recipes) == 0 {
		return nil
	}
	err := e.cfg.reserve()
	if errors.Is(err, unix.ENOSPC) {
		// A full filesystem is what this extension is there to repair.
		e.logger.Warn("no room to reserve for manifests: the first clean may be refused; put manifest_directory on another filesystem", zap.Error(err))
		return nil
	}
	return err
}

// Shutdown implements component.Component.
func (e *filesystemExtension) Shutdown(context.Context) error { return nil }

func (e *filesystemExtension) warn(text, operation string, err error) {
	e.logger.Warn(text, zap.String("operation", actuator.Clean(operation, maxShown)), zap.Error(err))
}
