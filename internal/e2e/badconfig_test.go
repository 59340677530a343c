// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every component refuses a bad value when the process starts, in words that
// name the key, the value and what to do. The components' own tests go
// through all of their keys; this one proves that the words reach the user.
func TestBadConfigurationFailsAtStart(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		name  string
		patch []string // YAML laid over the shipped configuration
		words []string // what the output must hold
	}{
		{
			"anomaly",
			[]string{"processors::anomaly::max_series: 0"},
			[]string{"processors::anomaly", "max_series must be at least 1 (got 0)"},
		},
		{
			"anomaly rule",
			[]string{`processors::anomaly::rules: [{name: broken, metric: m, condition: "value >"}]`},
			[]string{"processors::anomaly", `rule "broken": condition "value >" is no OTTL condition`, "write for example: value > 0.9"},
		},
		{
			"anomaly storage",
			[]string{"processors::anomaly::storage: file_storage/missing"},
			[]string{`"anomaly"`, "storage", "file_storage/missing"},
		},
		{
			"host_identity",
			[]string{"processors::host_identity::root_path: hostfs"},
			[]string{"processors::host_identity", `root_path must be an absolute path (got "hostfs")`, "name where the host's root is mounted"},
		},
		{
			"remediation",
			[]string{"exporters::remediation::engine: remediation_engine/missing"},
			[]string{`"remediation"`, `engine: no extension "remediation_engine/missing" is running`, "add it to extensions and service::extensions"},
		},
		{
			"remediation with another extension",
			[]string{"exporters::remediation::engine: file_storage"},
			[]string{`"remediation"`, `engine: extension "file_storage" takes no findings`, "name the id of a remediation engine"},
		},
		{
			"remediation_audit",
			[]string{"receivers::remediation_audit::batch_size: 0"},
			[]string{"receivers::remediation_audit", "batch_size must be from 1 to 10000 (got 0)"},
		},
		{
			"remediation_audit with another extension",
			[]string{"receivers::remediation_audit::engine: process"},
			[]string{`"remediation_audit"`, `engine: extension "process" has no audit outbox`, "name the id of a remediation engine"},
		},
		{
			"remediation_engine",
			[]string{"extensions::remediation_engine::mode: sometimes"},
			[]string{"extensions::remediation_engine", `mode must be observe, approve or auto (got "sometimes")`},
		},
		{
			"remediation_engine plan",
			[]string{`extensions::remediation_engine::plans: [{id: p, match: ['fault="x"'], target: {kind: process, from: evidence}, steps: [{id: s, action: process.explode}]}]`},
			[]string{"process.explode"},
		},
		{
			"remediation_engine without a journal",
			[]string{"extensions::remediation_engine: {mode: auto, storage: null}"},
			[]string{"storage must name a storage extension when mode is auto", "set storage, or mode: observe"},
		},
		{
			"remediation_engine with a missing actuator",
			[]string{"extensions::remediation_engine: {actuators: [process/missing], plans: []}"},
			[]string{"unable to find extension process/missing on which extension remediation_engine depends"},
		},
		{
			"console",
			[]string{"extensions::console::engine: process"},
			[]string{`"console"`, `engine: extension "process" has no operator's desk`, "name the id of a remediation engine"},
		},
		{
			"process",
			[]string{"extensions::process::services: {web: {command: [nginx]}}"},
			[]string{"extensions::process", `services::web::command must begin with an absolute path (got "nginx")`},
		},
		{
			"filesystem",
			[]string{`extensions::filesystem::recipes: {all: {root: /, match: ["*"], min_age: 1h, max_files: 1, max_bytes: 1}}`},
			[]string{"extensions::filesystem", `recipes::all::root must be the absolute path of a directory below / (got "/")`},
		},
		{
			"systemd",
			[]string{"extensions::systemd::address: tcp:host=10.0.0.1"},
			[]string{"extensions::systemd", `address must be a local socket such as unix:path=/run/systemd/private (got "tcp:host=10.0.0.1")`},
		},
		{
			"ifenv",
			[]string{"extensions::console::engine: ${ifenv:NO QUESTION}"},
			[]string{"ifenv", "NO QUESTION", "write ${ifenv:NAME?value-when-set|value-when-not}"},
		},
	} {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			out, code := Run(t, badStart(t, bad.patch))
			require.NotZero(t, code)
			for _, words := range bad.words {
				require.Contains(t, out, words)
			}
		})
	}
}

// A key that does not exist is a mistake too, not a wish that is ignored.
func TestUnknownKeysAreRefused(t *testing.T) {
	t.Parallel()
	for _, component := range []string{
		"processors::anomaly", "processors::host_identity", "exporters::remediation", "receivers::remediation_audit",
		"extensions::remediation_engine", "extensions::console", "extensions::process", "extensions::filesystem", "extensions::systemd",
	} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			out, code := Run(t, badStart(t, []string{component + "::no_such_key: 1"}))
			require.NotZero(t, code)
			require.Contains(t, out, "no_such_key")
			require.Contains(t, out, component[strings.LastIndex(component, ":")+1:])
		})
	}
}

func badStart(t *testing.T, patches []string) Command {
	t.Helper()
	args := []string{"--config", shippedConfig(t)}
	for _, patch := range patches {
		args = append(args, "--config", "yaml:"+patch)
	}
	for _, key := range []string{
		"receivers.otlp.protocols.grpc.endpoint", "receivers.otlp.protocols.http.endpoint",
		"extensions.health_check.endpoint", "extensions.console.endpoint",
	} {
		args = append(args, "--set", key+"="+FreeAddress(t))
	}
	args = append(args, "--set", "service.telemetry.metrics.level=none")
	return Command{Path: Binary(t), Args: args, Dir: t.TempDir()}
}
