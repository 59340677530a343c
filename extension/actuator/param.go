// SPDX-License-Identifier: Apache-2.0

package actuator

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Type of a parameter. Values arrive from YAML or JSON and leave Resolve as
// the Go type named here.
type Type int

const (
	String   Type = iota // string
	Int                  // int64
	Float                // float64
	Bool                 // bool
	Duration             // time.Duration, written as "30s"
)

// String is the type's name in documentation and errors.
func (t Type) String() string {
	if names := [...]string{"string", "int", "float", "bool", "duration"}; t >= String && int(t) < len(names) {
		return names[t]
	}
	return "invalid"
}

// maxText bounds every string parameter that declares no bound of its own.
const maxText = 256

// maxQuoted bounds what an error repeats of a value that it refuses.
const maxQuoted = 80

// Param declares one typed and bounded parameter of a verb. Numbers and
// durations (in seconds) must lie within [Min, Max]; strings must be one of
// Enum when it is set, and at most Max bytes (256 when Max is 0).
type Param struct {
	Name     string
	Summary  string // one sentence for people
	Type     Type
	Required bool
	Default  any // of the type that Resolve returns; nil for none
	Min, Max float64
	Enum     []string
}

// Params are the parameters of a request by name.
type Params map[string]any

// Resolve checks raw parameters against the spec and returns them complete
// with defaults and in their Go types. Its errors wrap ErrParams and name the
// key, the value and the remedy.
func (s Spec) Resolve(raw map[string]any) (Params, error) {
	out := make(Params, len(s.Params))
	for key := range raw {
		if !slices.ContainsFunc(s.Params, func(p Param) bool { return p.Name == key }) {
			return nil, fmt.Errorf(`%w: %s has no parameter "%s" (it takes: %s)`, ErrParams, s.Verb, Clean(key, maxQuoted), s.paramNames())
		}
	}
	for _, p := range s.Params {
		value, given := raw[p.Name]
		switch {
		case given:
			checked, err := p.check(value)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %s: %w", ErrParams, s.Verb, p.Name, err)
			}
			out[p.Name] = checked
		case p.Required:
			return nil, fmt.Errorf("%w: %s needs %q (%s)", ErrParams, s.Verb, p.Name, p.Summary)
		case p.Default != nil:
			out[p.Name] = p.Default
		}
	}
	return out, nil
}

func (s Spec) paramNames() string {
	names := make([]string, 0, len(s.Params))
	for _, p := range s.Params {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (p Param) check(value any) (any, error) {
	switch p.Type {
	case String:
		text, ok := value.(string)
		if !ok {
			return nil, p.mismatch(value)
		}
		return text, p.checkText(text)
	case Int:
		number, ok := asFloat(value)
		if !ok || number != math.Trunc(number) {
			return nil, p.mismatch(value)
		}
		return int64(number), p.checkRange(number)
	case Float:
		number, ok := asFloat(value)
		if !ok {
			return nil, p.mismatch(value)
		}
		return number, p.checkRange(number)
	case Bool:
		truth, ok := value.(bool)
		if !ok {
			return nil, p.mismatch(value)
		}
		return truth, nil
	case Duration:
		span, ok := asDuration(value)
		if !ok {
			return nil, p.mismatch(value)
		}
		return span, p.checkRange(span.Seconds())
	default:
		return nil, fmt.Errorf("declared with invalid type %d", p.Type)
	}
}

func (p Param) mismatch(value any) error {
	return fmt.Errorf("want %s, got %s (%T)", p.Type, Clean(fmt.Sprint(value), maxQuoted), value)
}

func (p Param) checkText(text string) error {
	limit := maxText
	if p.Max > 0 {
		limit = int(p.Max)
	}
	switch {
	case len(text) > limit:
		return fmt.Errorf("is %d bytes long, at most %d are allowed", len(text), limit)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return fmt.Errorf(`"%s" is not valid text`, Clean(text, maxQuoted))
	case len(p.Enum) > 0 && !slices.Contains(p.Enum, text):
		return fmt.Errorf(`"%s" is not one of: %s`, Clean(text, maxQuoted), strings.Join(p.Enum, ", "))
	}
	return nil
}

// checkRange also refuses NaN and, for a parameter without bounds, infinity:
// an undeclared bound is no licence.
func (p Param) checkRange(number float64) error {
	low, high := p.Min, p.Max
	if low == 0 && high == 0 {
		low, high = 0, math.MaxInt32
	}
	if !(number >= low && number <= high) {
		return fmt.Errorf("%v is out of range, allowed are %v to %v", number, low, high)
	}
	return nil
}

func asFloat(value any) (float64, bool) {
	switch v := value.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

func asDuration(value any) (time.Duration, bool) {
	switch v := value.(type) {
	case time.Duration:
		return v, true
	case string:
		span, err := time.ParseDuration(v)
		return span, err == nil
	default:
		return 0, false
	}
}

// MarshalJSON writes durations as "30s", so that parameters that went through
// a journal are accepted by Resolve again and mean the same.
func (p Params) MarshalJSON() ([]byte, error) {
	if p == nil {
		return []byte("null"), nil
	}
	out := make(map[string]any, len(p))
	for name, value := range p {
		if span, ok := value.(time.Duration); ok {
			value = span.String()
		}
		out[name] = value
	}
	return json.Marshal(out)
}
