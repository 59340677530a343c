// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding"
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	_ encoding.BinaryAppender    = (*Memory)(nil)
	_ encoding.BinaryUnmarshaler = (*Memory)(nil)
)

// storied is a memory in which every field has something to lose.
func storied(t testing.TB) Memory {
	t.Helper()
	var m Memory
	for i := range 12 {
		_, why := m.Observe(&Reading{Shape: CumulativeCounter, Integer: true, Int: int64(1<<60 + i), Time: at(float64(5 * i)), Kind: 0xbeef})
		require.Contains(t, []Reason{Scored, FirstPoint}, why)
	}
	_, why := m.Observe(&Reading{Float: 1, Time: at(60), Kind: 7})
	require.Equal(t, TypeChanged, why)
	m.moves = 2
	m.fresh = true
	return m
}

func TestMemorySurvivesASnapshot(t *testing.T) {
	m := storied(t)
	dst, err := m.AppendBinary([]byte("before"))
	require.NoError(t, err)
	require.Len(t, dst, len("before")+MemorySize)
	var back Memory
	require.NoError(t, back.UnmarshalBinary(dst[len("before"):]))
	require.Equal(t, m, back)
}

// TestMemoryFormat1 holds the format still: what an older release has written
// must be readable.
func TestMemoryFormat1(t *testing.T) {
	const format1 = "01" + "00666b040b9d9717" + "0b00000000000010" + "efbe0000" + "07000000" + "01" + "02" + "03" +
		"881300008813000088130000881300008813000088130000881300008813000088130000" + "02" + "09"
	src, err := hex.DecodeString(format1)
	require.NoError(t, err)
	var back Memory
	require.NoError(t, back.UnmarshalBinary(src))
	require.Equal(t, storied(t), back)
}

func TestMemoryRefusesWhatItDidNotWrite(t *testing.T) {
	m := storied(t)
	good, err := m.AppendBinary(nil)
	require.NoError(t, err)
	with := func(at int, b byte) []byte {
		src := append([]byte(nil), good...)
		src[at] = b
		return src
	}
	for name, tt := range map[string]struct {
		src  []byte
		text string
	}{
		"nothing":         {nil, "0 bytes instead of"},
		"cut off":         {good[:len(good)-1], "bytes instead of"},
		"version":         {with(0, 2), "version 2 instead of 1"},
		"negative time":   {with(8, 0xff), "is negative"},
		"patience":        {with(25, kindPatience), "patience"},
		"flags":           {with(27, 4), "unknown flags"},
		"distance":        {with(MemorySize-2, distances), "distance 9"},
		"distances known": {with(MemorySize-1, distances+1), "of 10"},
	} {
		before := Memory{kind: 3}
		require.ErrorContains(t, before.UnmarshalBinary(tt.src), tt.text, name)
		require.Equal(t, Memory{kind: 3}, before, "%s: the memory is unchanged", name)
	}
}

func FuzzMemoryUnmarshal(f *testing.F) {
	m := storied(f)
	good, err := m.AppendBinary(nil)
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, src []byte) {
		var m Memory
		if m.UnmarshalBinary(src) != nil {
			return
		}
		again, err := m.AppendBinary(nil)
		require.NoError(t, err)
		require.Equal(t, src, again)
		sample, why := m.Observe(&Reading{Shape: CumulativeCounter, Integer: true, Int: 5, Time: math.MaxInt64, Kind: 1})
		if why == Scored {
			require.False(t, math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0))
		}
	})
}
