// SPDX-License-Identifier: Apache-2.0

package console

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/homeostat/homeostat/internal/console/consoletest"
	"github.com/homeostat/homeostat/internal/operate"
)

// schema is what the test reads of a JSON schema.
type schema struct {
	Ref        string            `yaml:"$ref"`
	Type       any               `yaml:"type"`
	Required   []string          `yaml:"required"`
	Properties map[string]schema `yaml:"properties"`
	Items      *schema           `yaml:"items"`
	Enum       []string          `yaml:"enum"`
	MaxLength  int               `yaml:"maxLength"`
}

type document struct {
	OpenAPI    string                               `yaml:"openapi"`
	Paths      map[string]map[string]map[string]any `yaml:"paths"`
	Components struct {
		Schemas map[string]schema `yaml:"schemas"`
	} `yaml:"components"`
}

func readOpenAPI(t *testing.T) document {
	t.Helper()
	w := ask(t, local(consoletest.NewDesk()), "GET", "/api/v1/openapi.yaml", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/yaml", w.Header().Get("Content-Type"))
	var doc document
	require.NoError(t, yaml.Unmarshal(w.Body.Bytes(), &doc))
	return doc
}

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	doc := readOpenAPI(t)
	require.True(t, strings.HasPrefix(doc.OpenAPI, "3.1."), doc.OpenAPI)
	routes := (&server{}).routes()
	require.ElementsMatch(t, slices.Collect(maps.Keys(routes)), slices.Collect(maps.Keys(doc.Paths)))
	ids := map[string]bool{}
	for path, methods := range routes {
		var want []string
		for method := range methods {
			want = append(want, strings.ToLower(method))
		}
		require.ElementsMatch(t, want, slices.Collect(maps.Keys(doc.Paths[path])), path)
		for method, operation := range doc.Paths[path] {
			id, _ := operation["operationId"].(string)
			require.NotEmpty(t, id, "%s %s", method, path)
			require.False(t, ids[id], "%s comes twice", id)
			ids[id] = true
			require.Equal(t, method == "put" || method == "post", operation["requestBody"] != nil, "%s %s", method, path)
			require.Equal(t, strings.Contains(path, "{id}"), operation["parameters"] != nil, "%s %s", method, path)
		}
	}
}

// Every schema has exactly the members of its Go type, of matching types, and
// requires those that are always written.
func TestOpenAPIDescribesTheTypes(t *testing.T) {
	doc := readOpenAPI(t)
	types := map[string]any{
		"Status": operate.Status{}, "IncidentList": IncidentList{}, "Incident": operate.Incident{}, "Question": operate.Question{},
		"Entry": operate.Entry{}, "AnswerBody": AnswerBody{}, "StopBody": StopBody{}, "Problem": Problem{},
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(types)), slices.Collect(maps.Keys(doc.Components.Schemas)))
	for name, value := range types {
		described := doc.Components.Schemas[name]
		var members, required []string
		for field := range reflect.TypeOf(value).Fields() {
			member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			members = append(members, member)
			if options != "omitempty" {
				required = append(required, member)
			}
			property, ok := described.Properties[member]
			require.True(t, ok, "%s.%s is not described", name, member)
			if property.Ref == "" {
				require.Equal(t, jsonType(field.Type), plainType(property.Type), "%s.%s", name, member)
			}
		}
		require.ElementsMatch(t, members, slices.Collect(maps.Keys(described.Properties)), name)
		require.ElementsMatch(t, required, described.Required, name)
	}
	answer := doc.Components.Schemas["AnswerBody"].Properties
	require.Equal(t, []string{Approve, Deny}, answer["decision"].Enum)
	require.Equal(t, MaxDigest, answer["digest"].MaxLength)
	require.Equal(t, MaxComment, answer["comment"].MaxLength)
	require.Equal(t, MaxComment, doc.Components.Schemas["StopBody"].Properties["comment"].MaxLength)
}

func jsonType(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return "string"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	default:
		return t.Kind().String()
	}
}

// plainType drops null from a type that may be null.
func plainType(described any) string {
	if list, ok := described.([]any); ok {
		described = list[0]
	}
	name, _ := described.(string)
	return name
}

// Every reference leads to a schema, a response or a parameter.
func TestOpenAPIReferencesResolve(t *testing.T) {
	var root map[string]any
	require.NoError(t, yaml.Unmarshal(openapi, &root))
	seen := 0
	var walk func(any)
	walk = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok {
				seen++
				var at any = root
				for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					next, _ := at.(map[string]any)
					at = next[step]
				}
				require.NotNil(t, at, ref)
			}
			for _, child := range n {
				walk(child)
			}
		case []any:
			for _, child := range n {
				walk(child)
			}
		}
	}
	walk(root)
	require.NotZero(t, seen)
}
