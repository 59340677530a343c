// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// BenchmarkStamp is the cost of a batch of ten resources that name another
// host, and that of stamping ten resources. Stamping uses override so that
// the same resources can be stamped again; it costs two look-ups more than
// what it stands for.
func BenchmarkStamp(b *testing.B) {
	md := pmetric.NewMetrics()
	for range 10 {
		attrs := md.ResourceMetrics().AppendEmpty().Resource().Attributes()
		attrs.PutStr("service.name", "web")
		attrs.PutStr("host.name", "other")
	}
	for _, bench := range []struct {
		name     string
		override bool
	}{{"kept", false}, {"stamped", true}} {
		b.Run(bench.name, func(b *testing.B) {
			p, err := newProcessor(nop(), &Config{RootPath: fakeRoot(b), Override: bench.override}, &said{})
			require.NoError(b, err)
			require.NoError(b, p.start(b.Context(), componenttest.NewNopHost()))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.processMetrics(b.Context(), md)
			}
		})
	}
}
