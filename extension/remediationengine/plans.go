// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/homeostat/homeostat/internal/plan"
)

// loadPlans reads the plans in place and those of the plan files, in the
// order in which they are written, files of one glob by name.
func (c *Config) loadPlans() ([]plan.Plan, error) {
	list := make([]any, 0, len(c.Plans))
	for _, p := range c.Plans {
		list = append(list, p)
	}
	plans, err := plan.Decode("plans", list)
	errs := []error{err}
	for i, pattern := range c.PlanFiles {
		names, err := filepath.Glob(pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("plan_files[%d] %q is no file name pattern: %w", i, pattern, err))
			continue
		}
		if len(names) == 0 {
			errs = append(errs, fmt.Errorf("plan_files[%d] %q matches no file: create one, or remove the entry", i, pattern))
			continue
		}
		slices.Sort(names)
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("plan_files[%d]: %w", i, err))
				continue
			}
			more, err := plan.Parse(name, data)
			errs = append(errs, err)
			plans = append(plans, more...)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return plans, plan.Unique("plans and plan_files", plans)
}
