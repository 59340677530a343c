// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"github.com/homeostat/homeostat/extension/actuator"
)

// Keys of the identity of a unit.
const (
	idBoot       = "boot_id"
	idUnit       = "unit"
	idInvocation = "invocation_id" // of the last run; none when there was none
	idState      = "state"         // class of the active state
)

const noInvocation = "none"

// unit is one unit as the manager knows it now.
type unit struct {
	name       string   // as it was asked for
	names      []string // it and its aliases
	boot       string
	load       string // loaded, masked, not-found, bad-setting, error
	active     string // active, inactive, failed, activating, deactivating, reloading, maintenance
	sub        string
	invocation string // hex, or none
	job        uint32 // 0 when none is queued
	canStart   bool
	canReload  bool
	unitProps  map[string]any
	typeProps  map[string]any
}

// inspect reads a unit. It never loads anything into the manager that Execute
// would not load too, and changes nothing.
func (e *systemdExtension) inspect(ctx context.Context, conn *dbus.Conn, target actuator.Target) (unit, error) {
	name, err := unitOf(target)
	if err != nil {
		return unit{}, err
	}
	props, err := conn.GetUnitPropertiesContext(ctx, name)
	if err != nil {
		return unit{}, fmt.Errorf("%w: the properties of %s: %w", actuator.ErrBlocked, actuator.Clean(name, longestName), cleaned(err))
	}
	u := readUnit(name, props)
	if u.load == "not-found" {
		return unit{}, fmt.Errorf("%w: systemd knows no unit %s", actuator.ErrNotFound, actuator.Clean(name, longestName))
	}
	if u.boot, err = bootID(); err != nil {
		return unit{}, err
	}
	kind := name[strings.LastIndexByte(name, '.')+1:]
	u.typeProps, err = conn.GetUnitTypePropertiesContext(ctx, name, strings.ToUpper(kind[:1])+kind[1:])
	if err != nil {
		u.typeProps = nil // a target has none
	}
	return u, nil
}

// readUnit takes what it needs from the properties; one that is missing or of
// another type reads as empty, and an empty state is never a good one.
func readUnit(name string, props map[string]any) unit {
	u := unit{
		name: name, names: textsOf(props, "Names"),
		load: textOf(props, "LoadState"), active: textOf(props, "ActiveState"), sub: textOf(props, "SubState"),
		invocation: noInvocation, unitProps: props,
	}
	if !slices.Contains(u.names, name) {
		u.names = append([]string{name}, u.names...)
	}
	if raw, ok := props["InvocationID"].([]byte); ok && len(raw) > 0 {
		u.invocation = hex.EncodeToString(raw)
	}
	if job, ok := props["Job"].([]any); ok && len(job) > 0 {
		u.job, _ = job[0].(uint32)
	}
	u.canStart, _ = props["CanStart"].(bool)
	u.canReload, _ = props["CanReload"].(bool)
	return u
}

func textOf(props map[string]any, key string) string {
	switch value := props[key].(type) {
	case string:
		return value
	case godbus.ObjectPath:
		return string(value)
	}
	return ""
}

func textsOf(props map[string]any, key string) []string {
	value, _ := props[key].([]string)
	return value
}

// class joins the states that a unit passes through by itself with the one it
// comes from, so that an identity changes only when somebody acted.
func (u unit) class() string {
	switch u.active {
	case "active", "reloading", "refreshing":
		return "running"
	case "activating":
		return "starting"
	case "deactivating":
		return "stopping"
	case "inactive", "failed":
		return "stopped"
	}
	return "unknown"
}

func (u unit) identity() actuator.Identity {
	return actuator.Identity{idBoot: u.boot, idUnit: u.name, idInvocation: u.invocation, idState: u.class()}
}

// busy says who is already acting on the unit. systemd waits before it starts
// a unit again by itself (auto-restart): then it is on it, and we are not
// needed.
func (u unit) busy() *actuator.Blocker {
	var text string
	switch {
	case u.sub == "auto-restart" || u.sub == "auto-restart-queued":
		text = fmt.Sprintf("systemd is about to restart %s by itself", u.name)
	case u.job != 0:
		text = fmt.Sprintf("systemd has a job queued for %s", u.name)
	case u.active == "activating" || u.active == "deactivating" || u.active == "reloading" || u.active == "refreshing":
		text = fmt.Sprintf("%s is %s (%s)", u.name, u.active, actuator.Clean(u.sub, 40))
	default:
		return nil
	}
	return &actuator.Blocker{Code: actuator.BlockerOwnerBusy, Text: actuator.Clean(text, 300)}
}

// unusable says why systemd would refuse a job for the unit.
func (u unit) unusable() *actuator.Blocker {
	if u.load == "loaded" && u.canStart {
		return nil
	}
	text := fmt.Sprintf("%s cannot be started: it is %s", u.name, u.load)
	if u.load == "loaded" {
		text = fmt.Sprintf("%s may not be started by hand (RefuseManualStart, or of a type that cannot)", u.name)
	}
	return &actuator.Blocker{Code: "unit_" + strings.ReplaceAll(u.load, "-", "_"), Text: actuator.Clean(text, 300)}
}

func (u unit) String() string {
	return fmt.Sprintf("%s (%s, %s)", actuator.Clean(u.name, longestName), actuator.Clean(u.active, 40), actuator.Clean(u.sub, 40))
}

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// ownUnit is the unit that the collector runs in, from its control group, or
// "". Only the last component can be a unit of this manager.
func ownUnit(cgroups string) string {
	own := ""
	for line := range strings.Lines(cgroups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || (parts[0] != "0" && parts[1] != "name=systemd") {
			continue
		}
		for piece := range strings.SplitSeq(parts[2], "/") {
			if strings.HasSuffix(piece, ".service") || strings.HasSuffix(piece, ".scope") {
				own = piece
			}
		}
	}
	return own
}

func cleaned(err error) error { return cleanError{err} }

// cleanError prints an error from outside on one line, and remains that error.
type cleanError struct{ error }

func (c cleanError) Error() string { return actuator.Clean(c.error.Error(), 300) }
func (c cleanError) Unwrap() error { return c.error }
