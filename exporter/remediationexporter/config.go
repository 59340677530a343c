// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Config of the exporter. There is no queue, no retry and no batching to
// configure: evidence that is late or repeated is worse than none.
type Config struct {
	// Engine is the component id of the remediation engine extension that
	// findings are offered to.
	Engine component.ID `mapstructure:"engine"`
}

var _ component.Config = (*Config)(nil)

// Validate reports what is wrong in terms of the YAML keys.
func (c *Config) Validate() error {
	if c.Engine == (component.ID{}) {
		return errors.New(`engine must not be empty: name the id of the remediation engine extension, e.g. "remediation_engine"`)
	}
	return nil
}
