// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/zeebo/xxh3"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// keyVersion is hashed into every key. Changing it, or anything that keys are
// made of, makes every stored state worthless.
const keyVersion = "homeostat/key/1"

const (
	longText  = 512      // longer strings are hashed where they are instead of being copied
	maxNested = 32       // values nested deeper are told apart by their type only
	maxBuffer = 64 << 10 // a larger scratch buffer is not kept
)

// Tags keep values of different types apart. They are part of the key: never
// renumber them.
const (
	tagEmpty byte = iota
	tagString
	tagBool
	tagInt
	tagDouble
	tagMap
	tagSlice
	tagBytes
	tagDeep
)

// keyer computes series keys: every text is preceded by its length and every
// value by its type, so that no two identities give the same input to the
// hash. Attributes are hashed one by one and summed, so their order does not
// matter. It is not safe for concurrent use.
type keyer struct {
	buf []byte // scratch; empty between calls
}

// digest is a 128-bit hash of a part of an identity.
type digest = xxh3.Uint128

// resource hashes the attributes of a resource.
func (k *keyer) resource(r pcommon.Resource) digest {
	k.buf = appendText(k.buf[:0], keyVersion)
	k.appendMap(r.Attributes(), 0)
	return xxh3.Hash128(k.buf)
}

// metric hashes what the points of one metric have in common. The scope's
// version and attributes are left out on purpose: with them, every upgrade of
// an instrumentation library (or of the collector, for host metrics) would make all of its
// series new ones that need to be learned again.
func (k *keyer) metric(resource digest, scope, name string) digest {
	k.buf = appendDigest(k.buf[:0], resource)
	k.buf = appendText(k.buf, scope)
	k.buf = appendText(k.buf, name)
	return xxh3.Hash128(k.buf)
}

// point is the key of a datapoint.
func (k *keyer) point(metric digest, attributes pcommon.Map) series.Key {
	k.buf = appendDigest(k.buf[:0], metric)
	k.appendMap(attributes, 0)
	d := xxh3.Hash128(k.buf)
	return series.Key{Hi: d.Hi, Lo: d.Lo}
}

// FieldKey is the key of a number that is derived from the datapoint with this
// key. The datapoint's own number has the datapoint's key.
func FieldKey(point series.Key, field string) series.Key {
	if field == "" {
		return point
	}
	var scratch [64]byte
	buf := appendDigest(scratch[:0], digest{Hi: point.Hi, Lo: point.Lo})
	d := xxh3.Hash128(appendText(buf, field))
	return series.Key{Hi: d.Hi, Lo: d.Lo}
}

// appendMap appends the number of entries and their order-independent sum.
// Detection's own attributes at the top level belong to no identity.
func (k *keyer) appendMap(m pcommon.Map, depth int) {
	var sum digest
	var n uint64
	start := len(k.buf)
	for name, v := range m.All() {
		if depth == 0 && strings.HasPrefix(name, finding.AttrPrefix) {
			continue
		}
		k.buf = appendText(k.buf[:start], name)
		k.appendValue(v, depth)
		d := xxh3.Hash128(k.buf[start:])
		sum.Hi += d.Hi
		sum.Lo += d.Lo
		n++
	}
	k.buf = binary.LittleEndian.AppendUint64(k.buf[:start], n)
	k.buf = appendDigest(k.buf, sum)
}

func (k *keyer) appendValue(v pcommon.Value, depth int) {
	if depth > maxNested {
		k.buf = append(k.buf, tagDeep, byte(v.Type()))
		return
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		k.buf = append(k.buf, tagString)
		k.buf = appendText(k.buf, v.Str())
	case pcommon.ValueTypeBool:
		b := byte(0)
		if v.Bool() {
			b = 1
		}
		k.buf = append(k.buf, tagBool, b)
	case pcommon.ValueTypeInt:
		k.buf = append(k.buf, tagInt)
		k.buf = binary.LittleEndian.AppendUint64(k.buf, uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		k.buf = append(k.buf, tagDouble)
		k.buf = binary.LittleEndian.AppendUint64(k.buf, math.Float64bits(v.Double()))
	case pcommon.ValueTypeMap:
		k.buf = append(k.buf, tagMap)
		k.appendMap(v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		s := v.Slice()
		k.buf = append(k.buf, tagSlice)
		k.buf = binary.AppendUvarint(k.buf, uint64(s.Len()))
		for i := range s.Len() {
			k.appendValue(s.At(i), depth+1)
		}
	case pcommon.ValueTypeBytes:
		b := v.Bytes()
		k.buf = append(k.buf, tagBytes)
		k.buf = binary.AppendUvarint(k.buf, uint64(b.Len()))
		for i := range b.Len() {
			k.buf = append(k.buf, b.At(i))
		}
	default:
		k.buf = append(k.buf, tagEmpty)
	}
}

// trim gives back a buffer that one large value has blown up.
func (k *keyer) trim() {
	if cap(k.buf) > maxBuffer {
		k.buf = nil
	}
}

// appendText appends the length of s and then s, or the hash of a long s.
func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	if len(s) > longText {
		return appendDigest(dst, xxh3.HashString128(s))
	}
	return append(dst, s...)
}

func appendDigest(dst []byte, d digest) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, d.Hi)
	return binary.LittleEndian.AppendUint64(dst, d.Lo)
}
