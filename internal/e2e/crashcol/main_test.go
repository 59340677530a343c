// SPDX-License-Identifier: Apache-2.0

package crashcol

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asCollector makes this test binary be the Collector that the tests kill.
const asCollector = "HOMEOSTAT_E2E_CRASHCOL"

func TestMain(m *testing.M) {
	if os.Getenv(asCollector) != "" {
		if Command().Execute() != nil { // it has told why
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
