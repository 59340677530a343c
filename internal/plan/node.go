// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// node reads one mapping strictly: what is not asked for is an error. Errors
// name the path of the key, the value and the remedy; all are collected.
type node struct {
	path   string
	fields map[string]any
	asked  []string
	errs   *[]error
}

func newNode(path string, value any, errs *[]error) *node {
	n := &node{path: path, errs: errs}
	switch v := value.(type) {
	case map[string]any:
		n.fields = v
	case nil:
		n.fail("", "must be a mapping (got nothing)")
	default:
		n.fail("", "must be a mapping (got %v)", short(value))
	}
	return n
}

// fail records an error about a key of the node, or about the node itself.
func (n *node) fail(key, format string, args ...any) {
	*n.errs = append(*n.errs, fmt.Errorf("%s %s", n.at(key), fmt.Sprintf(format, args...)))
}

func (n *node) at(key string) string {
	if key == "" {
		return n.path
	}
	return n.path + "::" + key
}

// take returns the value of a key, nil when it was not given.
func (n *node) take(key string) any {
	n.asked = append(n.asked, key)
	return n.fields[key]
}

func (n *node) has(key string) bool {
	_, given := n.fields[key]
	return given
}

// done reports the keys that nobody asked for.
func (n *node) done() {
	var unknown []string
	for key := range n.fields {
		if !slices.Contains(n.asked, key) {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	for _, key := range unknown {
		n.fail(clean(key), "is not a key here (known are: %s)", strings.Join(n.asked, ", "))
	}
}

func (n *node) text(key string) string {
	value := n.take(key)
	if value == nil {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		n.fail(key, "must be text (got %v): put it in quotes", short(value))
	}
	return text
}

func (n *node) span(key string, missing time.Duration) time.Duration {
	value := n.take(key)
	if value == nil {
		return missing
	}
	text, ok := value.(string)
	span, err := time.ParseDuration(text)
	if !ok || err != nil || span < 0 || span > maxSpan {
		n.fail(key, "must be a duration between 0s and %s, such as 30s (got %v)", maxSpan, short(value))
		return missing
	}
	return span
}

// maxSpan bounds every duration of a plan.
const maxSpan = 7 * 24 * time.Hour

func (n *node) number(key string, missing, low, high float64) float64 {
	value := n.take(key)
	if value == nil {
		return missing
	}
	number := math.NaN()
	switch v := value.(type) {
	case int:
		number = float64(v)
	case int64:
		number = float64(v)
	case uint64:
		number = float64(v)
	case float64:
		number = v
	}
	if !(number >= low && number <= high) {
		n.fail(key, "must be a number between %v and %v (got %v)", low, high, short(value))
		return missing
	}
	return number
}

func (n *node) whole(key string, missing, low, high int) int {
	number := n.number(key, float64(missing), float64(low), float64(high))
	if number != math.Trunc(number) {
		n.fail(key, "must be a whole number (got %v)", number)
		return missing
	}
	return int(number)
}

func (n *node) truth(key string) bool {
	value := n.take(key)
	if value == nil {
		return false
	}
	truth, ok := value.(bool)
	if !ok {
		n.fail(key, "must be true or false (got %v)", short(value))
	}
	return truth
}

// list returns the members of a sequence.
func (n *node) list(key string) []any {
	value := n.take(key)
	if value == nil {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		n.fail(key, "must be a list (got %v)", short(value))
	}
	return list
}

// child opens a mapping below this one; nil when it was not given.
func (n *node) child(key string) *node {
	if !n.has(key) {
		n.take(key)
		return nil
	}
	return newNode(n.at(key), n.take(key), n.errs)
}

// short bounds what an error repeats of a value.
func short(value any) string {
	text := fmt.Sprintf("%v", value)
	if s, ok := value.(string); ok {
		text = fmt.Sprintf("%q", s)
	}
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
