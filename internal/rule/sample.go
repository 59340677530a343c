// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
)

// Attributes are the attributes of a point or a resource.
type Attributes interface {
	// Attribute returns the value under key as string, int64, float64, bool or
	// a pdata value, and nil where there is none.
	Attribute(key string) any
}

// Sample is what a condition sees: one scored number and where it is from. It
// is OTTL's transform context of this package.
type Sample struct {
	Value      float64 // the value of a gauge, the rate per second of a counter
	Field      string  // number derived from the point, e.g. "p99"; "" for the value itself
	MetricName string
	MetricUnit string
	MetricType string // gauge, sum, histogram, exponential_histogram or summary
	ScopeName  string
	Attributes Attributes // of the datapoint
	Resource   Attributes
}

// Parser compiles conditions. Make one with
// ottl.NewParser(rule.Converters(), rule.Path, settings).
type Parser = ottl.Parser[*Sample]

// Converters are OTTL's standard converters. Editors are left out: a condition
// looks and does not touch.
func Converters() map[string]ottl.Factory[*Sample] { return ottlfuncs.StandardConverters[*Sample]() }

type getter = func(*Sample) any

// paths lists every path without a key.
var paths = map[string]getter{
	"value":       func(s *Sample) any { return s.Value },
	"field":       func(s *Sample) any { return s.Field },
	"unit":        func(s *Sample) any { return s.MetricUnit },
	"metric.name": func(s *Sample) any { return s.MetricName },
	"metric.unit": func(s *Sample) any { return s.MetricUnit },
	"metric.type": func(s *Sample) any { return s.MetricType },
	"scope.name":  func(s *Sample) any { return s.ScopeName },
}

// keyedPaths lists every path that takes a key.
var keyedPaths = map[string]func(*Sample) Attributes{
	"attributes":           func(s *Sample) Attributes { return s.Attributes },
	"datapoint.attributes": func(s *Sample) Attributes { return s.Attributes },
	"resource.attributes":  func(s *Sample) Attributes { return s.Resource },
}

// Path is the OTTL path parser of Sample.
func Path(path ottl.Path[*Sample]) (ottl.GetSetter[*Sample], error) {
	if path == nil {
		return nil, errors.New("a path is missing")
	}
	name, last := path.Name(), path
	for next := path.Next(); next != nil; next = next.Next() {
		if last.Keys() != nil {
			return nil, unknownPath(path.String())
		}
		name, last = name+"."+next.Name(), next
	}
	if get, ok := paths[name]; ok && last.Keys() == nil {
		return readOnly(func(_ context.Context, s *Sample) (any, error) { return get(s), nil }), nil
	}
	if of, ok := keyedPaths[name]; ok && len(last.Keys()) == 1 {
		key, err := last.Keys()[0].String(context.Background(), nil)
		if err == nil && key != nil {
			return readOnly(func(_ context.Context, s *Sample) (any, error) { return attribute(of(s), *key), nil }), nil
		}
	}
	return nil, unknownPath(path.String())
}

func attribute(a Attributes, key string) any {
	if a == nil {
		return nil
	}
	return a.Attribute(key)
}

func unknownPath(text string) error {
	return fmt.Errorf(`no path %q; there are value, unit, field, metric.name, metric.unit, metric.type, scope.name, attributes["key"] and resource.attributes["key"]`, text)
}

func readOnly(get func(context.Context, *Sample) (any, error)) ottl.GetSetter[*Sample] {
	return ottl.StandardGetSetter[*Sample]{
		Getter: get,
		Setter: func(context.Context, *Sample, any) error { return errors.New("conditions cannot set anything") },
	}
}
