// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension"

	"github.com/homeostat/homeostat/extension/consoleextension/internal/metadata"
)

// defaultEngine is the id that the remediation engine has unless the user
// gives it another.
var defaultEngine = component.MustNewID("remediation_engine")

const (
	defaultEndpoint = "localhost:8687"
	defaultBody     = 64 << 10 // an answer with the longest comment, escaped, and room
	readTimeout     = 10 * time.Second
)

// NewFactory makes the factory of the console extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.MaxRequestBodySize = defaultBody
	server.ReadTimeout = readTimeout
	server.ReadHeaderTimeout = readTimeout
	return &Config{HTTP: server, Engine: defaultEngine}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newConsole(set, cfg.(*Config))
}
