// SPDX-License-Identifier: Apache-2.0

package crashcol

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// trail is what was exported in all lives of the Collector: the name of the
// event by its number. Records come at least once, so the same number must
// always be the same event.
func (b *bench) trail(t *testing.T) map[int64]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "audit.jsonl"))
	require.NoError(t, err)
	names := map[int64]string{}
	for line := range strings.Lines(string(text)) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(line))
		if err != nil || ld.LogRecordCount() == 0 {
			continue // empty, or cut short by a kill and delivered again
		}
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					seq, ok := record.Attributes().Get("remediation.audit.seq")
					require.True(t, ok, "a record without a number: %v", record.Attributes().AsRaw())
					if earlier, again := names[seq.Int()]; again {
						require.Equal(t, earlier, record.EventName(), "record %d came back as another", seq.Int())
					}
					names[seq.Int()] = record.EventName()
				}
			}
		}
	}
	return names
}

// requireTrail checks that nothing was forgotten: the numbers have no gap,
// the incident was opened once, and its end is on record.
func (b *bench) requireTrail(t *testing.T) {
	t.Helper()
	ended := func(names map[int64]string) (n int) {
		for _, name := range names {
			if name == "remediation.incident.resolved" || name == "remediation.incident.escalated" {
				n++
			}
		}
		return n
	}
	b.col.Await(t, "the end of the incident in the audit trail", func() bool { return ended(b.trail(t)) > 0 })
	names := b.trail(t)
	opened := 0
	var last int64
	for seq, name := range names {
		last = max(last, seq)
		if name == "remediation.incident.opened" {
			opened++
		}
	}
	require.Equal(t, 1, opened, "%v", names)
	require.Equal(t, 1, ended(names), "%v", names)
	for seq := int64(1); seq <= last; seq++ {
		require.Contains(t, names, seq, "the audit trail has a gap")
	}
}
