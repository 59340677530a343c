// SPDX-License-Identifier: Apache-2.0

package remediationexporter

import (
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
)

// Config of the exporter. There is no queue, no retry and no batching to
// configure: evidence that is late or repeated is worse than none.
type Config struct {
	// Engine is the component id of the remediation engine extension that
	// findings are offered to.
	Engine component.ID `mapstructure:"engine"`

	// Quantiles are those that the anomaly processor derives from histograms:
	// each is a series of its own, and the engine may wait for an ordinary
	// point of it. An empty list stands for the default.
	Quantiles []float64 `mapstructure:"quantiles"`
}

// maxQuantiles is the bound that the anomaly processor has too.
const maxQuantiles = 16

var _ component.Config = (*Config)(nil)

// Validate reports what is wrong in terms of the YAML keys.
func (c *Config) Validate() error {
	var errs []error
	if c.Engine == (component.ID{}) {
		errs = append(errs, errors.New(`engine must not be empty: name the id of the remediation engine extension, e.g. "remediation_engine"`))
	}
	if len(c.Quantiles) > maxQuantiles {
		errs = append(errs, fmt.Errorf("quantiles must be at most %d (got %d): list those of the anomaly processor", maxQuantiles, len(c.Quantiles)))
	}
	for i, q := range c.Quantiles {
		if !(q > 0 && q < 1) { // NaN is not
			errs = append(errs, fmt.Errorf("quantiles must lie between 0 and 1, for example 0.99 (got %g)", q))
		}
		if slices.Contains(c.Quantiles[:i], q) {
			errs = append(errs, fmt.Errorf("quantiles must differ (got %g twice)", q))
		}
	}
	return errors.Join(errs...)
}
