// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// surroundings make a configuration of components that no pipeline uses.
const surroundings = `receivers:
  otlp:
    protocols:
      grpc: {endpoint: "localhost:0"}
exporters:
  nop: {}
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [nop]
`

// sections of a Collector configuration that hold components.
var sections = []string{"receivers", "processors", "exporters", "connectors", "extensions"}

// Configuration returns the files that, given to the Collector in this order,
// hold the block as its reader would use it.
func Configuration(block Block) ([]string, error) {
	if at, ok := strings.CutPrefix(block.Note, "in "); ok {
		return []string{surroundings, nest(strings.Split(at, "::"), block.Text)}, nil
	}
	if block.Note != "" {
		return nil, fmt.Errorf("%s: %q does not say what the block is", block, block.Note)
	}
	var top map[string]any
	if err := yaml.Unmarshal([]byte(block.Text), &top); err != nil {
		return nil, fmt.Errorf("%s: %w", block, err)
	}
	if _, complete := top["service"]; complete {
		return []string{block.Text}, nil
	}
	keys := slices.Sorted(maps.Keys(top))
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: the block is empty", block)
	}
	for _, key := range keys {
		if !slices.Contains(sections, key) {
			return nil, fmt.Errorf("%s: %q is no section of a configuration: say above the block where it belongs, e.g. <!-- docs: in processors::anomaly -->", block, key)
		}
	}
	return []string{surroundings, block.Text}, nil
}

// nest puts text under the keys of a path.
func nest(path []string, text string) string {
	var nested strings.Builder
	for depth, key := range path {
		fmt.Fprintf(&nested, "%s%s:\n", strings.Repeat("  ", depth), key)
	}
	for line := range strings.Lines(text) {
		nested.WriteString(strings.Repeat("  ", len(path)) + line)
	}
	return nested.String()
}

var environment = regexp.MustCompile(`\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}`)

// Environment names the variables that a text reads without giving a default.
func Environment(text string) []string {
	var names []string
	for _, match := range environment.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// CheckBuilder errs unless the block is a builder configuration, or part of
// one, in which every component names its module and version.
func CheckBuilder(block Block) error {
	var top map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(block.Text), &top); err != nil {
		return fmt.Errorf("%s: %w", block, err)
	}
	for _, section := range append([]string{"providers"}, sections...) {
		node, ok := top[section]
		if !ok {
			continue
		}
		var parts []struct {
			GoMod string `yaml:"gomod"`
		}
		if err := node.Decode(&parts); err != nil {
			return fmt.Errorf("%s: %s: %w", block, section, err)
		}
		for _, part := range parts {
			if len(strings.Fields(part.GoMod)) != 2 {
				return fmt.Errorf("%s: %s: gomod must be a module and a version (got %q)", block, section, part.GoMod)
			}
		}
		delete(top, section)
	}
	delete(top, "dist")
	delete(top, "replaces")
	if len(top) > 0 {
		return fmt.Errorf("%s: a builder configuration has no %q", block, slices.Sorted(maps.Keys(top)))
	}
	return nil
}

// CheckKubernetes errs unless the block is one or more objects with a kind, an
// API version and a name.
func CheckKubernetes(block Block) error {
	decoder := yaml.NewDecoder(strings.NewReader(block.Text))
	for {
		var object struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string `yaml:"kind"`
			Metadata   struct {
				Name string `yaml:"name"`
			} `yaml:"metadata"`
		}
		switch err := decoder.Decode(&object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", block, err)
		case object.APIVersion == "" || object.Kind == "" || object.Metadata.Name == "":
			return fmt.Errorf("%s: an object needs apiVersion, kind and metadata.name", block)
		}
	}
}
