// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/homeostat/homeostat/extension/remediationengine/internal/metadata"
)

// NewFactory makes remediation engines.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		Mode:            "observe",
		MaxIncidents:    1000,
		Retention:       24 * time.Hour,
		ForgetAfter:     15 * time.Minute,
		ApprovalTimeout: 15 * time.Minute,
		JournalTimeout:  2 * time.Second,
		Workers:         4,
		QueueSize:       4096,
		MaxAuditRecords: 10_000,
		Limits: LimitsConfig{
			MaxEvidenceAge:      45 * time.Second,
			MaxReceiveAge:       30 * time.Second,
			WarmUp:              2 * time.Minute,
			BootWarmUp:          10 * time.Minute,
			FreshJournalHold:    time.Hour,
			Cooldown:            CooldownConfig{Initial: 10 * time.Minute, Factor: 3, Max: 6 * time.Hour},
			ActionsPerIncident:  3,
			ActionsPerTargetDay: 5,
			ActionsPerHostHour:  6,
		},
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newEngine(cfg.(*Config), set)
}
