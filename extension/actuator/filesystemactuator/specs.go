// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// The verbs of this actuator.
const (
	verbExplain = "filesystem.explain"
	verbClean   = "filesystem.clean"
)

// Parameters of the verbs.
const (
	paramRecipe = "recipe"
	paramTop    = "directories"
)

var specExplain = actuator.Spec{
	Verb:       verbExplain,
	Summary:    "Tells how full a filesystem is and which directories beneath the recipes' roots fill it.",
	TargetKind: actuator.KindFilesystem,
	Impact:     actuator.Observe,
	Replay:     actuator.Idempotent,
	Params: []actuator.Param{{
		Name: paramTop, Summary: "how many of the biggest directories to name", Type: actuator.Int,
		Default: int64(10), Min: 1, Max: 50,
	}},
	MaxDuration: 60 * time.Second,
}

var specClean = actuator.Spec{
	Verb:       verbClean,
	Summary:    "Removes the oldest files that a recipe of this actuator's configuration allows.",
	TargetKind: actuator.KindFilesystem,
	Impact:     actuator.Destroy,
	Replay:     actuator.Probeable,
	Params: []actuator.Param{{
		Name: paramRecipe, Summary: "name of the recipe in the configuration", Type: actuator.String,
		Required: true, Max: 64,
	}},
	MaxDuration: 5 * time.Minute,
}
