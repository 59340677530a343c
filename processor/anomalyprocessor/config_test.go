// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultConfigIsValid(t *testing.T) {
	require.NoError(t, createDefaultConfig().(*Config).Validate())
}

func TestBadConfig(t *testing.T) {
	for text, want := range map[string]string{
		`annotate: some`:        `annotate must be flagged, all or none (got "some")`,
		`include: [""]`:         `include must not hold an empty name; leave include out to watch every metric`,
		`exclude: [" "]`:        `exclude must not hold an empty name; leave exclude out to exclude none`,
		`ignore: {state: [""]}`: `ignore must map an attribute to values, for example {state: [idle]} (got "state": [""])`,
		`quantiles: [1]`:        `quantiles must lie between 0 and 1, for example 0.99 (got 1)`,
		`quantiles: [.nan]`:     `quantiles must lie between 0 and 1, for example 0.99 (got NaN)`,
		`quantiles: [0.5, 0.5]`: `quantiles must differ (got 0.5 twice)`,
		`quantiles: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17]`: `quantiles must be at most 16, each is a series of its own (got 17)`,
		`max_series: 0`:                                           `max_series must be at least 1 (got 0)`,
		`stale_after: 1s`:                                         `stale_after must be at least 1m, or series are forgotten between two scrapes (got 1s)`,
		`snapshot_interval: 1ms`:                                  `snapshot_interval must be at least 1s (got 1ms)`,
		`storage: "a b/"`:                                         `storage`,
		`zscore: {enabled: maybe}`:                                `zscore`,
		`zscore: {threshold: 0}`:                                  `zscore::threshold must be positive (got 0); 6 is the default`,
		`zscore: {memory: 1s}`:                                    `zscore::memory must be at least 1m (got 1s); 24h is the default`,
		`zscore: {warm_up: -1s}`:                                  `zscore::warm_up must not be negative (got -1s)`,
		`zscore: {direction: left}`:                               `zscore::direction must be both, up or down (got "left")`,
		`zscore: {min_abs: -1}`:                                   `zscore::min_abs must not be negative (got -1)`,
		`zscore: {min_rel: .nan}`:                                 `zscore::min_rel must not be negative (got NaN)`,
		`zscore: {severity: bad}`:                                 `zscore::severity must be info, warning or critical (got "bad")`,
		`gate: {fire: three of five}`:                             `must be written like 3 of 5 (got "three of five")`,
		`gate: {fire: 3 of 5 or so}`:                              `must be written like 3 of 5 (got "3 of 5 or so")`,
		`gate: {fire: 6 of 5}`:                                    `gate::fire must be k of n with 1 <= k <= n <= 32 (got 6 of 5)`,
		`gate: {clear: 3 of 33}`:                                  `gate::clear must be m of n with 1 <= m <= n <= 32 (got 3 of 33)`,
		`gate: {clear_level: 1.1}`:                                `gate::clear_level must be above 0 and at most 1, the alarm level (got 1.1)`,
		`gate: {for: -1s}`:                                        `gate::for must not be negative (got -1s)`,
		`gate: {flap_count: 1}`:                                   `gate::flap_count must be 0 (off) or at least 2 (got 1)`,
		`gate: {flap_hold: 0s}`:                                   `gate::flap_hold must be positive (got 0s); set gate::flap_count to 0 to switch the protection off`,
		`companion_metrics: {enabled: 7}`:                         `companion_metrics`,
		`companion_metrics: {interval: 0s}`:                       `companion_metrics::interval must be at least 1s (got 0s)`,
		`rules: [{metric: m, condition: value > 1}]`:              `rules: rule 0: name must not be empty`,
		`rules: [{name: r, condition: value > 1}]`:                `rules: rule "r": metric must not be empty`,
		`rules: [{name: r, metric: m}]`:                           `rules: rule "r": condition must not be empty`,
		`rules: [{name: r, metric: m, condition: "value >>> 1"}]`: `rules: rule "r": condition "value >>> 1" is no OTTL condition`,
		`rules: [{name: r, metric: m, condition: value > 1, clear: vale < 1}]`:      `rules: rule "r": clear "vale < 1" is no OTTL condition: no path "vale"`,
		`rules: [{name: r, metric: m, condition: value > 1, for: -1s}]`:             `for must not be negative (got -1s)`,
		`rules: [{name: r, metric: m, condition: value > 1, keep_firing_for: -1s}]`: `keep_firing_for must not be negative (got -1s)`,
		`rules: [{name: r, metric: m, condition: value > 1, severity: bad}]`:        `severity must be info, warning or critical (got "bad")`,
		`rules: [{name: r, metric: m, condition: value > 1, direction: left}]`:      `direction must be up or down, or left out (got "left")`,
		`rules: [{name: r, metric: m, condition: value > 1, fault: [a]}]`:           `fault`,
		`rules: [{name: r, for: 1s, absent: {attributes: {a: b}}}]`:                 `absent.metric must not be empty`,
		`rules: [{name: r, for: 1s, absent: {metric: m, attributes: {a: ""}}}]`:     `absent.attributes must map a name to a text or glob (got "a": "")`,
		`rules: [{name: r, absent: {metric: m}}]`:                                   `for must be positive beside absent (got 0s)`,
		`unknown: 1`: `unknown`,
	} {
		_, err := tryConfigure(text)
		require.ErrorContains(t, err, want, text)
	}
	_, err := tryConfigure("max_series: 0\nzscore: {threshold: 0}\ngate: {flap_count: 1}")
	for _, key := range []string{"max_series", "zscore::threshold", "gate::flap_count"} {
		require.ErrorContains(t, err, key, "all faults are told at once")
	}
}

func TestOutOfIsWrittenAsItIsRead(t *testing.T) {
	var o OutOf
	require.NoError(t, o.UnmarshalText([]byte("2 of 3")))
	text, err := o.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "2 of 3", string(text))
}
