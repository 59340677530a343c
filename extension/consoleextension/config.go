// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
)

// Config of the console.
type Config struct {
	// HTTP is the server: endpoint, transport, tls, auth and the rest of the
	// Collector's HTTP server settings, at the top level of the console.
	HTTP confighttp.ServerConfig `mapstructure:",squash"`

	// Engine is the component id of the remediation engine extension that
	// the console serves.
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
