// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/plan"
)

// MaxPolicy bounds a policy file in bytes.
const MaxPolicy = 64 << 10

// ParsePolicy reads a policy: a YAML mapping of impact classes to the highest
// mode that each of them may have, such as "destroy: observe". It can only
// lower authority.
func ParsePolicy(data []byte) (Policy, error) {
	if len(data) > MaxPolicy {
		return nil, fmt.Errorf("a policy has at most %d bytes (got %d)", MaxPolicy, len(data))
	}
	var raw map[string]string
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("a policy is a mapping of impact classes to modes: %w", err)
	}
	impacts := []actuator.Impact{actuator.Adjust, actuator.Restart, actuator.Destroy, actuator.Host}
	policy := Policy{}
	for key, value := range raw {
		i := slices.IndexFunc(impacts, func(impact actuator.Impact) bool { return impact.String() == key })
		if i < 0 {
			names := make([]string, 0, len(impacts))
			for _, impact := range impacts {
				names = append(names, impact.String())
			}
			return nil, fmt.Errorf("%q is no impact class (known are: %s)", key, strings.Join(names, ", "))
		}
		mode, err := plan.ParseMode(value)
		if err != nil {
			return nil, fmt.Errorf("%s %w", key, err)
		}
		policy[impacts[i]] = mode
	}
	return policy, nil
}
