// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/hostidentity"
	"github.com/homeostat/homeostat/receiver/remediationauditreceiver/internal/metadata"
)

// Attributes that the receiver itself writes beside those of a record.
const (
	attrIncident = "remediation.incident.id"
	attrSeq      = "remediation.audit.seq" // the same record has the same number when it comes again

	serviceName = "homeostat"
)

// maxText bounds one text, in bytes: names in a record come from whatever
// runs on the host, and may be as long and as odd as it likes.
const maxText = 4096

// origin is what all records of this process have in common.
type origin struct {
	host    hostidentity.Identity
	version string // of the distribution
}

// logs turns records into one batch of log records, in order. observed is
// when they are handed to the pipeline.
func (o origin) logs(records []audit.Record, observed time.Time) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	o.describe(rl.Resource().Attributes())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(metadata.ScopeName)
	sl.Scope().SetVersion(o.version)
	sl.LogRecords().EnsureCapacity(len(records))
	for _, record := range records {
		write(sl.LogRecords().AppendEmpty(), record, observed)
	}
	return ld
}

func (o origin) describe(attrs pcommon.Map) {
	attrs.PutStr("service.name", serviceName)
	for key, value := range map[string]string{
		"service.version": o.version,
		"host.name":       o.host.Name,
		"host.id":         o.host.ID,
		"os.type":         o.host.OSType,
	} {
		if value != "" {
			attrs.PutStr(key, value)
		}
	}
}

func write(lr plog.LogRecord, record audit.Record, observed time.Time) {
	lr.SetEventName(text(record.Name))
	lr.SetTimestamp(pcommon.NewTimestampFromTime(record.Time))
	lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(observed))
	lr.SetSeverityNumber(plog.SeverityNumber(record.Severity))
	lr.SetSeverityText(severityText(record.Severity))
	lr.Body().SetStr(text(record.Body))
	attrs := lr.Attributes()
	attrs.EnsureCapacity(len(record.Attributes) + 2)
	for _, key := range slices.Sorted(maps.Keys(record.Attributes)) {
		put(attrs.PutEmpty(text(key)), record.Attributes[key])
	}
	attrs.PutInt(attrSeq, int64(record.Seq))
	if record.Incident != "" {
		attrs.PutStr(attrIncident, text(record.Incident))
	}
}

// put writes a flat value; what the contract does not name becomes text.
func put(to pcommon.Value, value any) {
	switch v := value.(type) {
	case string:
		to.SetStr(text(v))
	case bool:
		to.SetBool(v)
	case int64:
		to.SetInt(v)
	case float64:
		to.SetDouble(v)
	default:
		to.SetStr(text(fmt.Sprint(v)))
	}
}

func severityText(severity audit.Severity) string {
	switch severity {
	case audit.Info:
		return "INFO"
	case audit.Warn:
		return "WARN"
	case audit.Error:
		return "ERROR"
	default:
		return ""
	}
}

// text makes s valid UTF-8, which OTLP demands, of at most maxText bytes.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") // replacements made it longer
}
