// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/actuatortest"
)

func TestConformance(t *testing.T) {
	mountpoint, manifests := mountTmpfs(t, 16), t.TempDir()
	root := filepath.Join(mountpoint, "cache")
	fresh := func(t *testing.T, params actuator.Params) actuatortest.Subject {
		fill := func() {
			require.NoError(t, os.RemoveAll(root))
			for _, name := range []string{"a.tmp", "b.tmp", "deep/er/c.tmp", "keep.db"} {
				put(t, filepath.Join(root, name), 64, time.Hour)
			}
		}
		fill()
		require.NoError(t, os.RemoveAll(manifests)) // the suite uses one operation id for all
		require.NoError(t, os.Mkdir(manifests, 0o700))
		return actuatortest.Subject{
			Target: target(mountpoint), Params: params,
			State: func() string { return listing(t, mountpoint) },
			Replace: func() { // tmpfs gives device, mount id and inodes out again
				require.NoError(t, unix.Unmount(mountpoint, unix.MNT_DETACH))
				require.NoError(t, unix.Mount("tmpfs", mountpoint, "tmpfs", 0, "size=16m"))
				fill()
			},
		}
	}
	actuatortest.Run(t, actuatortest.Harness{
		Prefix: "filesystem",
		New: func(t *testing.T) actuator.Actuator {
			return started(t, recipe(mountpoint), manifests)
		},
		Cases: []actuatortest.Case{
			{Name: "clean", Verb: verbClean, Setup: func(t *testing.T) actuatortest.Subject {
				return fresh(t, actuator.Params{paramRecipe: "cache"})
			}},
			{Name: "explain", Verb: verbExplain, Setup: func(t *testing.T) actuatortest.Subject {
				return fresh(t, nil)
			}},
		},
	})
}
