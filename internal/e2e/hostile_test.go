// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/console"
)

// Full authority, and plans whose targets come from the evidence: the way on
// which a name could become a command.
const hostileConfig = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "{{grpc}}"}, http: {endpoint: "{{http}}"}}}
  remediation_audit: {}
processors:
  anomaly:
    storage: file_storage
    rules:
      - {name: hostile, metric: e2e.hostile, condition: value > 0.5, fault: e2e_hostile, severity: critical}
      - {name: hostile-disk, metric: e2e.hostile.disk, condition: value > 0.5, fault: e2e_hostile_disk, severity: critical}
exporters:
  remediation: {}
  otlp_grpc: {endpoint: "{{sink}}", tls: {insecure: true}}
extensions:
  health_check: {endpoint: "{{health}}"}
  console: {endpoint: "{{console}}"}
  file_storage: {directory: "{{dir}}/state", create_directory: true, fsync: true}
  process: {state_directory: "{{dir}}/services"}
  filesystem:
    manifest_directory: "{{dir}}/manifests"
    recipes: {cache: {root: "{{dir}}/cache", match: ["*"], min_age: 1s, max_files: 10, max_bytes: 1000}}
  remediation_engine:
    storage: file_storage
    mode: auto
    host: {name: e2e-host, id: e2e-id}
    actuators: [process, filesystem]
    limits: {warm_up: 0s, boot_warm_up: 0s, fresh_journal_hold: 0s, actions_per_host_hour: 1000}
    plans:
      - id: process
        match: [fault="e2e_hostile"]
        target: {kind: process, from: evidence}
        confirm: {points: 1 of 1}
        mode: auto
        steps:
          - {id: look, action: process.explain}
          - {id: end, action: process.signal, params: {signal: TERM, grace: 1s}, reason: e2e, settle: 100ms, verify: {gone: true, hold: 1s, deadline: 3s}}
      - id: disk
        match: [fault="e2e_hostile_disk"]
        target: {kind: filesystem, from: evidence}
        confirm: {points: 1 of 1}
        mode: auto
        steps:
          - {id: look, action: filesystem.explain}
          - {id: clean, action: filesystem.clean, params: {recipe: cache}, reason: e2e, settle: 100ms, verify: {clear: true, hold: 1s, deadline: 3s}}
service:
  extensions: [health_check, file_storage, console, process, filesystem, remediation_engine]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], processors: [anomaly], exporters: [remediation]}
    logs: {receivers: [remediation_audit], exporters: [otlp_grpc]}
`

// Names from telemetry travel through detection, incidents, plans, actuators,
// the audit trail and the console. None of them may run, break anything, or
// arrive where a person reads it as anything but plain text.
func TestHostileNamesAreTextEverywhere(t *testing.T) {
	t.Parallel()
	nobody := newNobody(t)
	canary := filepath.Join(nobody.dir, "canary")
	kept := filepath.Join(nobody.dir, "cache", "kept")
	require.NoError(t, os.Mkdir(filepath.Dir(kept), 0o777))
	require.NoError(t, os.WriteFile(kept, nil, 0o666))

	victim := Start(t, Command{Path: "/bin/sleep", Args: []string{"600"}, User: nobody.credential, Dir: nobody.dir})
	sink, desk := NewSink(t), FreeAddress(t)
	operator, err := console.NewClient("http://"+desk, "")
	require.NoError(t, err)
	t.Cleanup(operator.Close)
	grpc, http, health := FreeAddress(t), FreeAddress(t), FreeAddress(t)
	config := WriteFile(t, nobody.dir, "config.yaml", hostileConfig, map[string]string{
		"grpc": grpc, "http": http, "health": health, "console": desk, "sink": sink.GRPC, "dir": nobody.dir,
	})
	p := Start(t, Command{
		Path: nobody.binary(t), Args: []string{"--config", config}, Dir: nobody.dir, User: nobody.credential, Env: []string{"PATH=/usr/bin:/bin"},
	})
	p.AwaitReady(t, health)

	names := append(hostileNames(), canaries(canary)...)
	pids := append([]string{fmt.Sprint(victim.Pid()), "99999999999999999999", "0x1", "1e3"}, names...)
	if nobody.credential != nil { // what could end the tester's session is tried as nobody only
		pids = append(pids, "-1", "0", "1")
	}
	client := NewClient(t, grpc, http)
	for _, by := range Transports() {
		texts := names
		if by != HTTPJSON {
			texts = append(slices.Clip(names), invalidUTF8)
		}
		for i, text := range texts {
			require.NoError(t, client.Send(t.Context(), by, hostileEvidence(time.Now(), text, pids[i%len(pids)])), "%s %.40q", by, text)
		}
		require.NoError(t, client.Send(t.Context(), by, hugeEvidence(time.Now())))
		for _, pid := range pids {
			require.NoError(t, client.Send(t.Context(), by, hostileEvidence(time.Now(), "sleep", pid)))
		}
	}

	// Wait until the engine has nothing more to do about any of it.
	seen := 0
	p.Await(t, "incidents about hostile names", func() bool {
		incidents, err := operator.Incidents(t.Context())
		require.NoError(t, err)
		busy := 0
		for _, in := range incidents {
			switch in.State {
			case "escalated", "resolved", "resolved_externally", "forgotten", "cooldown", "gated":
			default:
				busy++
			}
		}
		seen = len(incidents)
		return busy == 0 && seen >= len(names)
	})
	p.Await(t, "audit records", func() bool { return sink.Logs().LogRecordCount() >= seen })

	incidents, err := operator.Incidents(t.Context())
	require.NoError(t, err)
	for _, in := range incidents {
		whole, err := operator.Incident(t.Context(), in.ID)
		require.NoError(t, err)
		data, err := json.Marshal(whole)
		require.NoError(t, err)
		var answer any
		require.NoError(t, json.Unmarshal(data, &answer))
		requirePlainJSON(t, answer)
	}
	require.Zero(t, p.Stop(t))
	requirePlainLogs(t, sink.Logs())
	require.NotContains(t, p.Output(), "\x1b", "a terminal escape reached the log")
	require.NotContains(t, p.Output(), "\x00", "a NUL reached the log")
	require.Less(t, len(p.Output()), 4*mebibyte, "hostile text floods the log")

	require.NoFileExists(t, canary, "a name was executed")
	require.FileExists(t, kept, "a name chose what to remove")
	require.False(t, victim.Exited(), "a name chose what to kill")
}

// canaries are commands, in the ways in which text becomes one.
func canaries(file string) []string {
	touch := "touch " + file
	return []string{"$(" + touch + ")", "`" + touch + "`", ";" + touch, "|" + touch, "&&" + touch, "\n" + touch + "\n", "' ; " + touch + " ; '", `"; ` + touch + ` ; "`}
}

// hostileEvidence breaks two rules; what it names is the text everywhere.
func hostileEvidence(at time.Time, text, pid string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, host := range []string{"e2e-host", text} {
		rm := md.ResourceMetrics().AppendEmpty()
		resource := rm.Resource().Attributes()
		resource.PutStr("host.name", host)
		for _, key := range []string{"process.executable.name", "process.command", "process.command_line", "process.owner"} {
			resource.PutStr(key, text)
		}
		resource.PutStr("process.pid", pid)
		metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
		for _, name := range []string{"e2e.hostile", "e2e.hostile.disk"} {
			m := metrics.AppendEmpty()
			m.SetName(name)
			m.SetUnit(text)
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			p.SetIntValue(1)
			for _, key := range []string{"mountpoint", "device", "systemd.unit", "service", "name", "recipe", "top", "signal"} {
				p.Attributes().PutStr(key, text)
			}
			if text != "" {
				p.Attributes().PutStr(text, text)
			}
		}
	}
	return md
}

// hugeEvidence names a process and a filesystem with a mebibyte each.
func hugeEvidence(at time.Time) pmetric.Metrics {
	md := hostileEvidence(at, "huge", "1")
	rm := md.ResourceMetrics().At(0)
	rm.Resource().Attributes().PutStr("process.executable.name", strings.Repeat("x", mebibyte))
	disk := rm.ScopeMetrics().At(0).Metrics().At(1)
	disk.Gauge().DataPoints().At(0).Attributes().PutStr("mountpoint", "/"+strings.Repeat("y", mebibyte))
	return md
}

// maxText is the longest text that may reach a person, in bytes.
const maxText = 4 << 10

func requirePlain(t *testing.T, text string) {
	t.Helper()
	require.LessOrEqual(t, len(text), maxText, "%.200q… is not truncated", text)
	require.True(t, utf8.ValidString(text), "%q is not UTF-8", text)
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q holds %q", text, r)
	}
}

func requirePlainJSON(t *testing.T, value any) {
	t.Helper()
	switch v := value.(type) {
	case string:
		requirePlain(t, v)
	case []any:
		for _, element := range v {
			requirePlainJSON(t, element)
		}
	case map[string]any:
		for key, element := range v {
			requirePlain(t, key)
			requirePlainJSON(t, element)
		}
	}
}

func requirePlainLogs(t *testing.T, ld plog.Logs) {
	t.Helper()
	require.NotZero(t, ld.LogRecordCount())
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				requirePlain(t, record.EventName())
				requirePlain(t, record.Body().AsString())
				for key, value := range record.Attributes().All() {
					requirePlain(t, key)
					requirePlain(t, value.AsString())
				}
			}
		}
	}
}
