// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config of the filesystem actuator.
type Config struct {
	// Recipes say what may be removed, by name. filesystem.clean follows them
	// and nothing else.
	Recipes map[string]RecipeConfig `mapstructure:"recipes"`

	// ManifestDirectory is where the list of what was removed is written, one
	// file for each operation. It should be on another filesystem than the
	// one that fills.
	ManifestDirectory string `mapstructure:"manifest_directory"`
}

// RecipeConfig is one way to make room: the oldest matching files beneath
// Root go first, until a bound or the target is reached.
type RecipeConfig struct {
	// Root is the absolute path of the directory to clean.
	Root string `mapstructure:"root"`

	// Match are globs of the files to remove, relative to Root. A glob
	// without a slash matches the name of a file at any depth; ** matches any
	// number of directories.
	Match []string `mapstructure:"match"`

	// MinAge is how long ago a file must have been changed.
	MinAge time.Duration `mapstructure:"min_age"`

	// KeepNewest is how many of the matching files are kept whatever their
	// age, the most recently changed ones.
	KeepNewest int `mapstructure:"keep_newest"`

	// MaxFiles is how many files one operation may remove.
	MaxFiles int `mapstructure:"max_files"`

	// MaxBytes is how much room one operation may make.
	MaxBytes int64 `mapstructure:"max_bytes"`

	// TargetUtilization is the share of the filesystem in use at which
	// cleaning stops, 0 to 1; 0 removes all that the other bounds allow.
	TargetUtilization float64 `mapstructure:"target_utilization"`

	// Quarantine is a directory on another filesystem to which files are
	// moved instead of being deleted. Empty deletes them.
	Quarantine string `mapstructure:"quarantine"`
}

const (
	ceilingFiles = 100_000
	minimumAge   = time.Second
)

func createDefaultConfig() component.Config {
	return &Config{ManifestDirectory: "data/manifests"}
}

var recipeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$`)

// Validate checks the configuration; its errors name key, value and remedy.
func (c *Config) Validate() error {
	var errs []error
	if c.ManifestDirectory == "" {
		errs = append(errs, errors.New("manifest_directory must name a directory that the collector may write to (got \"\")"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Recipes)) {
		if !recipeName.MatchString(name) {
			errs = append(errs, fmt.Errorf("recipes::%s: the name must be 1 to 64 letters, digits, dots, dashes or underscores (got %q)", name, name))
		}
		if root := c.Recipes[name].Root; filepath.IsAbs(c.ManifestDirectory) && within(filepath.Clean(root), filepath.Clean(c.ManifestDirectory)) {
			errs = append(errs, fmt.Errorf("manifest_directory must not lie beneath the root of recipe %s, which could remove it (got %q)", name, c.ManifestDirectory))
		}
		for _, err := range c.Recipes[name].problems() {
			errs = append(errs, fmt.Errorf("recipes::%s::%w", name, err))
		}
	}
	return errors.Join(errs...)
}

// system is where no recipe may have its root, at any depth.
var system = []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr"}

func within(dir, path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func (r RecipeConfig) problems() (errs []error) {
	if !filepath.IsAbs(r.Root) || filepath.Clean(r.Root) == "/" || strings.ContainsRune(r.Root, 0) {
		errs = append(errs, fmt.Errorf("root must be the absolute path of a directory below / (got %q)", r.Root))
	}
	for _, dir := range system {
		if within(dir, filepath.Clean(r.Root)) {
			errs = append(errs, fmt.Errorf("root must not lie in %s, which belongs to the system (got %q)", dir, r.Root))
		}
	}
	if len(r.Match) == 0 {
		errs = append(errs, errors.New(`match must list at least one glob such as "*.log.*" (got none)`))
	}
	for i, glob := range r.Match {
		if err := checkGlob(glob); err != nil {
			errs = append(errs, fmt.Errorf(`match[%d] must be a relative glob such as "*.log.*" or "cache/**" (got %q)`, i, glob))
		}
	}
	if r.MinAge < minimumAge {
		errs = append(errs, fmt.Errorf("min_age must be at least %s, so that a file being written is left alone (got %s)", minimumAge, r.MinAge))
	}
	if r.KeepNewest < 0 {
		errs = append(errs, fmt.Errorf("keep_newest must not be negative (got %d)", r.KeepNewest))
	}
	if r.MaxFiles < 1 || r.MaxFiles > ceilingFiles {
		errs = append(errs, fmt.Errorf("max_files must be 1 to %d (got %d)", ceilingFiles, r.MaxFiles))
	}
	if r.MaxBytes < 1 {
		errs = append(errs, fmt.Errorf("max_bytes must be at least 1 (got %d)", r.MaxBytes))
	}
	if !(r.TargetUtilization >= 0 && r.TargetUtilization < 1) {
		errs = append(errs, fmt.Errorf("target_utilization must be 0 (off) or a share below 1 such as 0.8 (got %v)", r.TargetUtilization))
	}
	if r.Quarantine != "" && (!filepath.IsAbs(r.Quarantine) || strings.ContainsRune(r.Quarantine, 0)) {
		errs = append(errs, fmt.Errorf("quarantine must be an absolute path on another filesystem (got %q)", r.Quarantine))
	}
	return errs
}

func checkGlob(glob string) error {
	_, err := path.Match(glob, "")
	if err == nil && (glob == "" || strings.HasPrefix(glob, "/") || slices.Contains(strings.Split(glob, "/"), "..")) {
		err = path.ErrBadPattern
	}
	return err
}
