// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Between Start and the Collector's word about the storage nobody knows
// whether it is durable, and the record must not say that it is not.
func TestNothingIsDecidedBeforeTheConfigurationIsTold(t *testing.T) {
	now := time.Now()
	l := &loop{known: new(atomic.Bool), started: now}
	require.False(t, l.informed(now))
	require.True(t, l.informed(now.Add(patience)), "it does not wait for ever")
	l.known.Store(true)
	require.True(t, l.informed(now))
}
