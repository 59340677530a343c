// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config of the remediation engine.
type Config struct {
	// Storage is the id of the storage extension that holds the journal. It
	// is required for any mode above observe. Verbs that restart or are
	// heavier also need the storage to write with fsync.
	Storage *component.ID `mapstructure:"storage"`

	// Mode is the ceiling of authority: observe (decide and record, never
	// change anything), approve (ask a person for every change) or auto. A
	// plan never gets more authority than this.
	Mode string `mapstructure:"mode"`

	// Host names the machine on which the actuators act. Evidence about
	// another host never triggers an action here.
	Host HostConfig `mapstructure:"host"`

	// Actuators are the ids of the actuator extensions that plans may use.
	Actuators []component.ID `mapstructure:"actuators"`

	// Plans are written in place; PlanFiles are files (globs) of plans.
	Plans     []map[string]any `mapstructure:"plans"`
	PlanFiles []string         `mapstructure:"plan_files"`

	// PolicyFile may lower the mode per impact class. It must belong to root
	// and be writable by root alone; while it is not readable, nothing acts.
	PolicyFile string `mapstructure:"policy_file"`

	// StopFile is the local stop switch: while this file exists, nothing is
	// executed.
	StopFile string `mapstructure:"stop_file"`

	// MaxIncidents bounds the book, closed incidents included.
	MaxIncidents int `mapstructure:"max_incidents"`

	// Retention is how long closed incidents are kept.
	Retention time.Duration `mapstructure:"retention"`

	// ForgetAfter closes an incident about which nothing was heard for so
	// long while no action is under way.
	ForgetAfter time.Duration `mapstructure:"forget_after"`

	// ApprovalTimeout is how long a question stays open. It expires into
	// escalation, never into consent.
	ApprovalTimeout time.Duration `mapstructure:"approval_timeout"`

	// JournalTimeout is how long a journal write may take before the journal
	// counts as failed and nothing more is executed.
	JournalTimeout time.Duration `mapstructure:"journal_timeout"`

	// Workers bounds how many actuator calls run at once.
	Workers int `mapstructure:"workers"`

	// QueueSize bounds the findings that wait for the decision loop.
	QueueSize int `mapstructure:"queue_size"`

	// MaxAuditRecords bounds the audit outbox. The oldest go first.
	MaxAuditRecords int `mapstructure:"max_audit_records"`

	// Limits of the guards.
	Limits LimitsConfig `mapstructure:"limits"`
}

// HostConfig is the identity of the machine.
type HostConfig struct {
	// Name is compared with host.name of the evidence. Default: the host name.
	Name string `mapstructure:"name"`
	// ID is compared with host.id of the evidence where both are known.
	// Default: /etc/machine-id.
	ID string `mapstructure:"id"`
}

// LimitsConfig are the numbers behind the guards.
type LimitsConfig struct {
	// MaxEvidenceAge is the greatest age of the newest firing datapoint.
	MaxEvidenceAge time.Duration `mapstructure:"max_evidence_age"`
	// MaxReceiveAge is how long ago that datapoint may have been received.
	MaxReceiveAge time.Duration `mapstructure:"max_receive_age"`
	// WarmUp is how long nothing is executed after the engine started.
	WarmUp time.Duration `mapstructure:"warm_up"`
	// BootWarmUp is how long nothing is executed after the host booted.
	BootWarmUp time.Duration `mapstructure:"boot_warm_up"`
	// FreshJournalHold is how long, after a journal began, nothing that
	// restarts or is heavier runs unasked: the journal before it may have been
	// lost, and with it budgets that are spent. A person who releases the stop
	// switch ends it.
	FreshJournalHold time.Duration `mapstructure:"fresh_journal_hold"`
	// Cooldown of a target after an incident with actions ended.
	Cooldown CooldownConfig `mapstructure:"cooldown"`
	// ActionsPerIncident bounds the actions of one incident.
	ActionsPerIncident int `mapstructure:"actions_per_incident"`
	// ActionsPerTargetDay bounds the actions on one target within 24 hours.
	ActionsPerTargetDay int `mapstructure:"actions_per_target_day"`
	// ActionsPerHostHour bounds the actions on one host within an hour.
	ActionsPerHostHour int `mapstructure:"actions_per_host_hour"`
}

// CooldownConfig grows with every incident on the target within 24 hours:
// initial, initial x factor, initial x factor^2 … up to max.
type CooldownConfig struct {
	Initial time.Duration `mapstructure:"initial"`
	Factor  float64       `mapstructure:"factor"`
	Max     time.Duration `mapstructure:"max"`
}

// Validate reports the first mistake of every key.
func (c *Config) Validate() error {
	return errors.Join(c.validateMode(), c.validateFiles(), c.validateSizes(), c.validateTimes(), c.validateLimits(), c.validatePlans())
}

func (c *Config) validateMode() error {
	switch c.Mode {
	case "observe":
		return nil
	case "approve", "auto":
		if c.Storage == nil {
			return fmt.Errorf("storage must name a storage extension when mode is %s: an action without a journal could happen twice (set storage, or mode: observe)", c.Mode)
		}
		return nil
	default:
		return fmt.Errorf("mode must be observe, approve or auto (got %q)", c.Mode)
	}
}

func (c *Config) validateSizes() error {
	return errors.Join(
		within("max_incidents", c.MaxIncidents, 1, 100_000),
		within("workers", c.Workers, 1, 64),
		within("queue_size", c.QueueSize, 16, 1_000_000),
		within("max_audit_records", c.MaxAuditRecords, 16, 1_000_000),
	)
}

func (c *Config) validateTimes() error {
	return errors.Join(
		atLeast("retention", c.Retention, time.Minute),
		atLeast("forget_after", c.ForgetAfter, 10*time.Second),
		atLeast("approval_timeout", c.ApprovalTimeout, time.Second),
		c.validateJournalTimeout(),
	)
}

// validateJournalTimeout keeps a hung disk from outlasting a shutdown.
func (c *Config) validateJournalTimeout() error {
	if low, high := 10*time.Millisecond, 3*time.Second; c.JournalTimeout < low || c.JournalTimeout > high {
		return fmt.Errorf("journal_timeout must be between %s and %s (got %s)", low, high, c.JournalTimeout)
	}
	return nil
}

func (c *Config) validateLimits() error {
	l := c.Limits
	errs := []error{
		atLeast("limits::max_evidence_age", l.MaxEvidenceAge, time.Second),
		atLeast("limits::max_receive_age", l.MaxReceiveAge, time.Second),
		atLeast("limits::warm_up", l.WarmUp, 0),
		atLeast("limits::boot_warm_up", l.BootWarmUp, 0),
		atLeast("limits::fresh_journal_hold", l.FreshJournalHold, 0),
		atLeast("limits::cooldown::initial", l.Cooldown.Initial, 0),
		within("limits::actions_per_incident", l.ActionsPerIncident, 1, 100),
		within("limits::actions_per_target_day", l.ActionsPerTargetDay, 1, 1000),
		within("limits::actions_per_host_hour", l.ActionsPerHostHour, 1, 1000),
	}
	if !(l.Cooldown.Factor >= 1 && l.Cooldown.Factor <= 10) {
		errs = append(errs, fmt.Errorf("limits::cooldown::factor must be between 1 and 10 (got %v)", l.Cooldown.Factor))
	}
	if l.Cooldown.Max < l.Cooldown.Initial {
		errs = append(errs, fmt.Errorf("limits::cooldown::max must be at least limits::cooldown::initial, %s (got %s)", l.Cooldown.Initial, l.Cooldown.Max))
	}
	return errors.Join(errs...)
}

func (c *Config) validateFiles() error {
	var errs []error
	for _, f := range []struct{ key, path string }{{"policy_file", c.PolicyFile}, {"stop_file", c.StopFile}} {
		if f.path != "" && !strings.HasPrefix(f.path, "/") {
			errs = append(errs, fmt.Errorf("%s must be an absolute path (got %q)", f.key, f.path))
		}
	}
	seen := map[component.ID]bool{}
	for i, id := range c.Actuators {
		if seen[id] {
			errs = append(errs, fmt.Errorf("actuators[%d] repeats %q: remove it", i, id))
		}
		seen[id] = true
	}
	return errors.Join(errs...)
}

func (c *Config) validatePlans() error {
	_, err := c.loadPlans()
	return err
}

func within(key string, value, low, high int) error {
	if value < low || value > high {
		return fmt.Errorf("%s must be between %d and %d (got %d)", key, low, high, value)
	}
	return nil
}

func atLeast(key string, value, low time.Duration) error {
	if value < low {
		return fmt.Errorf("%s must be at least %s (got %s)", key, low, value)
	}
	return nil
}
