// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
)

// BenchmarkRenice is the cheapest act: prove who it is, set a value.
func BenchmarkRenice(b *testing.B) {
	e, c := started(b, nil), sleeper(b)
	req, _ := planned(b, e, verbRenice, c.target(), actuator.Params{paramNice: 5})
	for b.Loop() {
		_, err := e.Execute(b.Context(), req)
		require.NoError(b, err)
	}
}

// BenchmarkSignal is the reflex: prove who it is, check the protected set,
// send, see it heeded.
func BenchmarkSignal(b *testing.B) {
	e, c := started(b, nil), sleeper(b)
	req, _ := planned(b, e, verbSignal, c.target(), actuator.Params{paramSig: "CONT"})
	i := 0
	for b.Loop() {
		i++
		req.Operation = fmt.Sprint(i)
		_, err := e.Execute(b.Context(), req)
		require.NoError(b, err)
	}
}
