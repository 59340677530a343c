// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// A name that is too long to be one is not kept: random ones would fill the
// memory long before there are too many hosts.
func TestEndlessHostNamesAreNoNames(t *testing.T) {
	resource := pcommon.NewMap()
	resource.PutStr("host.name", strings.Repeat("x", 1<<20))
	key, names := identify(nil, resource)
	require.Empty(t, key)
	require.Empty(t, names)

	resource.PutStr("host.id", "8d2e")
	hs := newHosts(nil, 10, 0)
	require.Equal(t, map[string]any{"host.id": "8d2e"}, hs.of(resource, 1).resource.Attributes().AsRaw())
}
