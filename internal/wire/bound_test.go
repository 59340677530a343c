// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestOriginIsBounded(t *testing.T) {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("long", strings.Repeat("é", 1<<20))
	resource.Attributes().PutStr("short", "kept")
	resource.Attributes().PutEmptyBytes("bytes").FromRaw(make([]byte, 1<<20))
	resource.Attributes().PutEmptySlice("list").AppendEmpty().SetStr(strings.Repeat("x", 1<<20))
	point := pcommon.NewMap()
	for i := range 1000 {
		point.PutInt(fmt.Sprintf("a%d", i), int64(i))
	}
	o := NewOrigin(resource, "scope", "metric", "1", point)

	got := o.Resource().Attributes()
	long, ok := got.Get("long")
	require.True(t, ok, "a long text is cut, not lost")
	require.LessOrEqual(t, len(long.Str()), maxOriginText)
	require.True(t, utf8.ValidString(long.Str()))
	require.Equal(t, map[string]any{"short": "kept", "long": long.Str()}, got.AsRaw())
	require.LessOrEqual(t, o.Attributes().Len(), maxOriginAttributes)
}
