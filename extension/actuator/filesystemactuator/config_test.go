// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestDefaultConfigIsValid(t *testing.T) {
	require.NoError(t, createDefaultConfig().(*Config).Validate())
}

func TestUnknownKeyIsRefused(t *testing.T) {
	err := confmap.NewFromStringMap(map[string]any{"recipe": map[string]any{}}).Unmarshal(createDefaultConfig())
	require.ErrorContains(t, err, "recipe")
}

// Errors name the key, the value and what to write instead.
func TestValidate(t *testing.T) {
	good := RecipeConfig{Root: "/var/cache/app", Match: []string{"*.tmp"}, MinAge: time.Hour, MaxFiles: 10, MaxBytes: 1}
	for _, tt := range []struct {
		name string
		bend func(r *RecipeConfig)
		want string
	}{
		{"root relative", func(r *RecipeConfig) { r.Root = "cache" }, `recipes::app::root must be the absolute path of a directory below / (got "cache")`},
		{"root of everything", func(r *RecipeConfig) { r.Root = "/" }, `recipes::app::root must be the absolute path of a directory below / (got "/")`},
		{"no match", func(r *RecipeConfig) { r.Match = nil }, `recipes::app::match must list at least one glob`},
		{"bad match", func(r *RecipeConfig) { r.Match = []string{"["} }, `recipes::app::match[0] must be a relative glob such as "*.log.*" or "cache/**" (got "[")`},
		{"match that leaves", func(r *RecipeConfig) { r.Match = []string{"../x"} }, `(got "../x")`},
		{"min_age", func(r *RecipeConfig) { r.MinAge = 0 }, `recipes::app::min_age must be at least 1s, so that a file being written is left alone (got 0s)`},
		{"keep_newest", func(r *RecipeConfig) { r.KeepNewest = -1 }, `recipes::app::keep_newest must not be negative (got -1)`},
		{"max_files", func(r *RecipeConfig) { r.MaxFiles = 0 }, `recipes::app::max_files must be 1 to 100000 (got 0)`},
		{"max_bytes", func(r *RecipeConfig) { r.MaxBytes = 0 }, `recipes::app::max_bytes must be at least 1 (got 0)`},
		{"target_utilization", func(r *RecipeConfig) { r.TargetUtilization = 1.5 }, `recipes::app::target_utilization must be 0 (off) or a share below 1 such as 0.8 (got 1.5)`},
		{"root of the system", func(r *RecipeConfig) { r.Root = "/usr/share/doc" }, `recipes::app::root must not lie in /usr, which belongs to the system (got "/usr/share/doc")`},
		{"no number", func(r *RecipeConfig) { r.TargetUtilization = math.NaN() }, `recipes::app::target_utilization must be 0 (off) or a share below 1 such as 0.8 (got NaN)`},
		{"too many files", func(r *RecipeConfig) { r.MaxFiles = ceilingFiles + 1 }, `recipes::app::max_files must be 1 to 100000 (got 100001)`},
		{"quarantine", func(r *RecipeConfig) { r.Quarantine = "here" }, `recipes::app::quarantine must be an absolute path on another filesystem (got "here")`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, r := createDefaultConfig().(*Config), good
			tt.bend(&r)
			cfg.Recipes = map[string]RecipeConfig{"app": r}
			require.ErrorContains(t, cfg.Validate(), tt.want)
		})
	}
	cfg := createDefaultConfig().(*Config)
	cfg.Recipes = map[string]RecipeConfig{"a/b": good}
	require.ErrorContains(t, cfg.Validate(), `recipes::a/b: the name must be 1 to 64 letters`)
	cfg.Recipes, cfg.ManifestDirectory = map[string]RecipeConfig{"app": good}, "/var/cache/app/manifests"
	require.ErrorContains(t, cfg.Validate(), `manifest_directory must not lie beneath the root of recipe app, which could remove it (got "/var/cache/app/manifests")`)
	cfg.Recipes, cfg.ManifestDirectory = nil, ""
	require.ErrorContains(t, cfg.Validate(), `manifest_directory must name a directory that the collector may write to (got "")`)
}

// The example in the README is one that the collector would take.
func TestReadmeExampleIsValid(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	example, _, found := strings.Cut(after, "```")
	require.True(t, found)
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(example))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	part, err := conf.Sub("extensions::filesystem")
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, part.Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	require.NotEmpty(t, cfg.Recipes)
}

func TestManifestDirectoryMustBeWritable(t *testing.T) {
	cfg := &Config{ManifestDirectory: "/proc/nowhere"}
	require.ErrorContains(t, cfg.reserve(), "manifest_directory")
}
