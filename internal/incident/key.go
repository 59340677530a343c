// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// KeyOf names the fault of a target across its incarnations: budgets,
// recurrence and cool-downs must survive a restart of the target, so the
// identity (pid, start time, invocation) is no part of it. 32 hex digits.
func KeyOf(target actuator.Target, fault string) string {
	return digest(target.Kind, target.Key, fault)
}

// IDOf names one incident: a key and when it was opened. 32 hex digits, the
// size of a trace id.
func IDOf(key string, opened time.Time) string {
	return digest(key, strconv.FormatInt(opened.UnixNano(), 10))
}

// digest separates its parts by their lengths, so that no two lists of parts
// are alike.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(strconv.AppendInt(nil, int64(len(part)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
