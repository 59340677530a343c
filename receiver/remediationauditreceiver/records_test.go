// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/hostidentity"
)

var someTime = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func TestRecordsBecomeLogs(t *testing.T) {
	o := origin{host: hostidentity.Identity{Name: "db1", ID: "0042", OSType: "linux"}, version: "1.2.3"}
	ld := o.logs([]audit.Record{
		{
			Seq: 7, Time: someTime, Name: "remediation.action.executed", Severity: audit.Warn,
			Body: "nginx.service was restarted", Incident: "inc-1",
			Attributes: map[string]any{"verb": "systemd.restart", "attempt": int64(2), "share": 0.5, "first": false},
		},
		{Seq: 8, Time: someTime, Name: "remediation.engine.started", Severity: audit.Info},
	}, someTime.Add(time.Second))

	require.Equal(t, 1, ld.ResourceLogs().Len())
	require.Equal(t, map[string]any{
		"service.name": "homeostat", "service.version": "1.2.3",
		"host.name": "db1", "host.id": "0042", "os.type": "linux",
	}, ld.ResourceLogs().At(0).Resource().Attributes().AsRaw())
	scope := ld.ResourceLogs().At(0).ScopeLogs().At(0)
	require.Equal(t, "github.com/homeostat/homeostat/receiver/remediationauditreceiver", scope.Scope().Name())
	require.Equal(t, "1.2.3", scope.Scope().Version())

	first := scope.LogRecords().At(0)
	require.Equal(t, "remediation.action.executed", first.EventName())
	require.Equal(t, someTime, first.Timestamp().AsTime())
	require.Equal(t, someTime.Add(time.Second), first.ObservedTimestamp().AsTime())
	require.Equal(t, plog.SeverityNumberWarn, first.SeverityNumber())
	require.Equal(t, "WARN", first.SeverityText())
	require.Equal(t, "nginx.service was restarted", first.Body().Str())
	require.Equal(t, map[string]any{
		"verb": "systemd.restart", "attempt": int64(2), "share": 0.5, "first": false,
		"remediation.incident.id": "inc-1", "remediation.audit.seq": int64(7),
	}, first.Attributes().AsRaw())

	second := scope.LogRecords().At(1)
	require.Equal(t, map[string]any{"remediation.audit.seq": int64(8)}, second.Attributes().AsRaw())
}

func TestSeverities(t *testing.T) {
	for severity, want := range map[audit.Severity]plog.SeverityNumber{
		audit.Info: plog.SeverityNumberInfo, audit.Warn: plog.SeverityNumberWarn, audit.Error: plog.SeverityNumberError,
	} {
		ld := origin{}.logs([]audit.Record{{Severity: severity}}, someTime)
		lr := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		require.Equal(t, want, lr.SeverityNumber())
		require.Equal(t, strings.ToUpper(want.String()), lr.SeverityText())
	}
	require.Empty(t, severityText(0))
}

func TestUnknownIdentityIsLeftOut(t *testing.T) {
	ld := origin{}.logs(nil, someTime)
	require.Equal(t, map[string]any{"service.name": "homeostat"}, ld.ResourceLogs().At(0).Resource().Attributes().AsRaw())
}

func TestHostileTexts(t *testing.T) {
	record := audit.Record{
		Name: "n\xff", Body: strings.Repeat("\xff", 1<<20), Incident: strings.Repeat("é", 1<<20),
		Attributes: map[string]any{"k\xff": "v\x00\x1b[31m", "odd": []string{"not", "flat"}, "nan": math.NaN()},
	}
	ld := origin{}.logs([]audit.Record{record}, someTime)
	_, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	lr := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, "n\uFFFD", lr.EventName())
	require.True(t, utf8.ValidString(lr.Body().Str()))
	got := lr.Attributes().AsRaw()
	require.Equal(t, "v\x00\x1b[31m", got["k\uFFFD"], "telemetry keeps what was said; whoever prints it escapes it")
	require.Equal(t, "[not flat]", got["odd"])
	require.True(t, math.IsNaN(got["nan"].(float64)))
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "plain", "\xff\xfe", strings.Repeat("é", maxText), strings.Repeat("\xff\x80", maxText), strings.Repeat("a", maxText-1) + "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text(s)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), maxText)
		require.Equal(t, got, text(got))
		if utf8.ValidString(s) && len(s) <= maxText {
			require.Equal(t, s, got)
		}
	})
}
