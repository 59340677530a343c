// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// manifest is what these tests read of a builder configuration.
type manifest struct {
	Dist struct {
		Version string `yaml:"version"`
	} `yaml:"dist"`
	Extensions []part   `yaml:"extensions"`
	Receivers  []part   `yaml:"receivers"`
	Processors []part   `yaml:"processors"`
	Exporters  []part   `yaml:"exporters"`
	Connectors []part   `yaml:"connectors"`
	Providers  []part   `yaml:"providers"`
	Replaces   []string `yaml:"replaces"`
}

// part is one component or provider: its module with a version, and the
// package where that is not the module's root.
type part struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
}

func (p part) pkg() string {
	if p.Import != "" {
		return p.Import
	}
	name, _, _ := strings.Cut(p.GoMod, " ")
	return name
}

func (m manifest) parts() []part {
	return slices.Concat(m.Extensions, m.Receivers, m.Processors, m.Exporters, m.Connectors, m.Providers)
}

func readManifest(t *testing.T, name string) manifest {
	t.Helper()
	var m manifest
	require.NoError(t, yaml.Unmarshal(readRoot(t, name), &m))
	require.NotEmpty(t, m.parts())
	return m
}

func readRoot(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return content
}

// The full distribution is the default one and more, at the same versions.
func TestFullManifestHoldsTheDefault(t *testing.T) {
	small, full := readManifest(t, "builder-config.yaml"), readManifest(t, "builder-config.full.yaml")
	require.Subset(t, full.Extensions, small.Extensions)
	require.Subset(t, full.Receivers, small.Receivers)
	require.Subset(t, full.Processors, small.Processors)
	require.Subset(t, full.Exporters, small.Exporters)
	require.Subset(t, full.Connectors, small.Connectors)
	require.Subset(t, full.Providers, small.Providers)
	require.Subset(t, full.Replaces, small.Replaces)
	require.Equal(t, small.Dist.Version, full.Dist.Version)
}

// A component that is in the tree but not in the distribution is dead code.
func TestManifestHoldsEveryComponent(t *testing.T) {
	var shipped []string
	for _, p := range readManifest(t, "builder-config.yaml").parts() {
		shipped = append(shipped, p.pkg())
	}
	for _, dir := range componentDirs(t) {
		require.Contains(t, shipped, path.Join(Module, dir))
	}
}

// make generate leaves go.mod alone, so that it needs no network: this test
// tells when the manifest asks for something that go.mod does not have.
func TestDistributionHasTheVersionsOfItsManifest(t *testing.T) {
	m := readManifest(t, "builder-config.yaml")
	gomod := strings.Split(string(readRoot(t, distribution+"/go.mod")), "\n")
	for i, line := range gomod {
		line, _, _ = strings.Cut(line, "//")
		gomod[i] = strings.TrimPrefix(strings.TrimSpace(line), "replace ")
	}
	const remedy = "run make modules and commit " + distribution
	for _, p := range m.parts() {
		require.Contains(t, gomod, p.GoMod, remedy)
	}
	for _, replaced := range m.Replaces {
		require.Contains(t, gomod, replaced, remedy)
	}
	require.Contains(t, string(readRoot(t, distribution+"/main.go")), `"`+m.Dist.Version+`"`, "run make generate and commit "+distribution)
}
