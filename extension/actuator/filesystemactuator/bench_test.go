// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

func BenchmarkExplain(b *testing.B) {
	mountpoint := mountTmpfs(b, 16)
	for i := range 1000 {
		put(b, filepath.Join(mountpoint, "cache", fmt.Sprint(i%10), fmt.Sprintf("%d.tmp", i)), 4, time.Hour)
	}
	e := started(b, recipe(mountpoint), b.TempDir())
	req := actuator.Request{Operation: "op", Verb: verbExplain, Target: target(mountpoint)}
	preview, err := e.Plan(b.Context(), req)
	require.NoError(b, err)
	req.Identity = preview.Identity
	for b.Loop() {
		if _, err := e.Execute(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
