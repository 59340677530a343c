// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/homeostat/homeostat/receiver/remediationauditreceiver/internal/metadata"
)

// defaultEngine is the id that the remediation engine has unless the user
// gives it another.
var defaultEngine = component.MustNewID("remediation_engine")

// NewFactory makes the factory of the remediation audit receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig,
		receiver.WithLogs(createLogs, metadata.LogsStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		Engine:    defaultEngine,
		BatchSize: 100,
		Retry:     RetryConfig{InitialInterval: time.Second, MaxInterval: 30 * time.Second},
	}
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return newReceiver(set, cfg.(*Config), next)
}
