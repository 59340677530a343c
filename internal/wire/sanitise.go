// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/homeostat/homeostat/internal/finding"
)

// Bounds of what Findings takes from a point.
const (
	MaxText       = 256 // bytes of one text
	MaxAttributes = 64  // attributes of one resource or point
	MaxNames      = 16  // detectors or rules of one finding
	maxDepth      = 4   // nesting of an attribute that is made a text
)

// clean makes s valid UTF-8 of at most MaxText bytes without control or format
// characters: each one, and each invalid byte, becomes U+FFFD. Line and
// paragraph separators and bidirectional overrides are replaced as well, since
// they change what a person sees on a terminal or a page.
func clean(s string) string {
	if len(s) <= MaxText && printable(s) {
		return strings.Clone(s)
	}
	var b strings.Builder
	b.Grow(min(len(s), MaxText))
	for _, r := range s {
		if hidden(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > MaxText {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func printable(s string) bool {
	for i, r := range s {
		if hidden(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
		}
	}
	return true
}

func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// cleanMap makes a bounded map of texts. Detection's own attributes are left
// out; of more than MaxAttributes the first are kept.
func cleanMap(m pcommon.Map) map[string]string {
	texts := make(map[string]string, min(m.Len(), MaxAttributes))
	for name, v := range m.All() {
		if len(texts) == MaxAttributes {
			break
		}
		if strings.HasPrefix(name, finding.AttrPrefix) {
			continue
		}
		// Of several with one name the first counts, as in pcommon.Map.Get.
		if name := clean(name); !has(texts, name) {
			texts[name] = cleanValue(v)
		}
	}
	return texts
}

func has(m map[string]string, name string) bool { _, ok := m[name]; return ok }

// cleanValue is the text of a value: strings as they are, numbers in decimals,
// bytes in base64, and lists and maps much like JSON. It stops soon after
// MaxText bytes and maxDepth levels, however large the value is.
func cleanValue(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return clean(v.Str())
	}
	return clean(string(appendValue(nil, v, 0)))
}

// appendValue stops once more than MaxText bytes are there.
func appendValue(dst []byte, v pcommon.Value, depth int) []byte {
	if depth > maxDepth {
		return append(dst, `"…"`...)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return strconv.AppendQuote(dst, v.Str()[:min(len(v.Str()), MaxText)])
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		if depth > 0 {
			return strconv.AppendFloat(dst, v.Double(), 'g', -1, 64)
		}
		return append(dst, v.AsString()...)
	case pcommon.ValueTypeBytes:
		raw := make([]byte, min(v.Bytes().Len(), MaxText))
		for i := range raw {
			raw[i] = v.Bytes().At(i)
		}
		return base64.StdEncoding.AppendEncode(dst, raw)
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i := range v.Slice().Len() {
			if len(dst) > MaxText {
				break
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, v.Slice().At(i), depth+1)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		dst = append(dst, '{')
		first := true
		for name, e := range v.Map().All() {
			if len(dst) > MaxText {
				break
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(strconv.AppendQuote(dst, name[:min(len(name), MaxText)]), ':')
			dst = appendValue(dst, e, depth+1)
		}
		return append(dst, '}')
	case pcommon.ValueTypeEmpty:
	}
	return dst
}

// attributeText is the clean text of an attribute, "" where it is missing or
// not a string.
func attributeText(m pcommon.Map, name string) string {
	if v, ok := m.Get(name); ok && v.Type() == pcommon.ValueTypeStr {
		return clean(v.Str())
	}
	return ""
}

// attributeNumber is a finite number, NaN where it is missing or something
// else.
func attributeNumber(m pcommon.Map, name string) float64 {
	v, ok := m.Get(name)
	if !ok {
		return math.NaN()
	}
	if v.Type() == pcommon.ValueTypeInt {
		return float64(v.Int())
	}
	if v.Type() == pcommon.ValueTypeDouble {
		return finite(v.Double())
	}
	return math.NaN()
}

func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// attributeNames is a bounded list of clean texts; a plain string is a list of
// one.
func attributeNames(m pcommon.Map, name string) []string {
	v, ok := m.Get(name)
	if !ok {
		return nil
	}
	if v.Type() == pcommon.ValueTypeStr {
		return []string{clean(v.Str())}
	}
	if v.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	var names []string
	for i := range min(v.Slice().Len(), MaxNames) {
		if e := v.Slice().At(i); e.Type() == pcommon.ValueTypeStr {
			names = append(names, clean(e.Str()))
		}
	}
	return names
}
