// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
)

// ErrNoTarget says that the finding does not name what the plan would act on.
var ErrNoTarget = errors.New("the finding names no target")

// TargetSpec says whom a plan acts on: one that it names, the one that the
// evidence is about, or the greatest consumer of a resource.
type TargetSpec struct {
	Kind       string  `json:"kind"`
	Name       string  `json:"name,omitempty"`       // service, or any other kind of actuator
	Unit       string  `json:"unit,omitempty"`       // systemd_unit
	Mountpoint string  `json:"mountpoint,omitempty"` // filesystem
	From       string  `json:"from,omitempty"`       // evidence
	Top        string  `json:"top,omitempty"`        // cpu, memory or io
	MinShare   float64 `json:"min_share,omitempty"`  // of the symptom, 0 to 1
}

// Host is the machine on which the actuators act.
type Host struct {
	Name string
	ID   string
}

// Is reports whether telemetry that names a host and its id is about this
// machine. Ids decide where both are known; what names no host is local.
func (h Host) Is(name, id string) bool {
	if id != "" && h.ID != "" {
		return id == h.ID
	}
	return name == "" || name == h.Name
}

// localKinds are targets on this host: evidence about another one must not
// reach them.
var localKinds = []string{actuator.KindHost, actuator.KindProcess, actuator.KindService, actuator.KindUnit, actuator.KindFilesystem}

// Local reports whether targets of the kind are on the machine on which the
// actuators act.
func Local(kind string) bool { return slices.Contains(localKinds, kind) }

// selectors choose a target. Telemetry must never set them.
var selectors = []string{actuator.AttrUnit, actuator.AttrService, actuator.AttrTop, actuator.AttrMinimumShare, "name"}

// AttrName holds the name of a target of a kind that Homeostat does not know.
const attrName = "name"

// Resolve says on whom a plan with this spec would act because of the
// finding. The key is stable across restarts of the target and begins with
// the host.
func (t TargetSpec) Resolve(f finding.Finding, host Host) (actuator.Target, error) {
	attr := map[string]string{}
	if t.From == fromEvidence {
		for _, source := range []map[string]string{f.Resource, f.Attributes} {
			maps.Copy(attr, source)
		}
		for _, key := range selectors {
			delete(attr, key)
		}
		if !f.Start.IsZero() {
			attr[actuator.AttrStart] = strconv.FormatInt(f.Start.UnixNano(), 10)
		}
	}
	attr[actuator.AttrHost] = t.host(f, host)
	local, err := t.local(attr)
	if err != nil {
		return actuator.Target{}, err
	}
	key := segment(attr[actuator.AttrHost])
	if local != "" {
		key += "/" + local
	}
	return actuator.Target{Kind: t.Kind, Key: key, Attr: attr}, nil
}

// host is the name of the host that the target is on. Telemetry spells this
// host as it likes, in full or in short; cool-downs and budgets must not
// depend on that. Another host never gets this one's name.
func (t TargetSpec) host(f finding.Finding, host Host) string {
	name, id := f.Resource[actuator.AttrHost], f.Resource[actuator.AttrHostID]
	switch {
	case !Local(t.Kind):
		if name == "" {
			return host.Name
		}
		return name
	case host.Is(name, id):
		return host.Name
	case id != "":
		return name + "@" + id
	default:
		return name
	}
}

// local completes attr with what the plan names and returns the part of the
// key behind the host.
func (t TargetSpec) local(attr map[string]string) (string, error) {
	switch {
	case t.Top != "":
		attr[actuator.AttrTop] = t.Top
		attr[actuator.AttrMinimumShare] = strconv.FormatFloat(t.MinShare, 'g', -1, 64)
		return "top:" + t.Top, nil
	case t.Unit != "":
		attr[actuator.AttrUnit] = t.Unit
		return t.Unit, nil
	case t.Mountpoint != "":
		attr[actuator.AttrMountpoint] = t.Mountpoint
		return strings.TrimPrefix(t.Mountpoint, "/"), nil
	case t.Name != "" && t.Kind == actuator.KindService:
		attr[actuator.AttrService] = t.Name
		return t.Name, nil
	case t.Name != "":
		attr[attrName] = t.Name
		return t.Name, nil
	case t.From == fromEvidence:
		return fromFinding(t.Kind, attr)
	default:
		return "", nil // the host itself
	}
}

func fromFinding(kind string, attr map[string]string) (string, error) {
	switch kind {
	case actuator.KindProcess:
		if attr[actuator.AttrPID] == "" {
			return "", fmt.Errorf("%w: it has no %s", ErrNoTarget, actuator.AttrPID)
		}
		// The pid is identity, not name: a restarted leak is the same leak.
		return segment(attr[actuator.AttrExecutable]) + "/" + segment(attr[actuator.AttrOwner]), nil
	case actuator.KindFilesystem:
		if attr[actuator.AttrMountpoint] == "" {
			return "", fmt.Errorf("%w: it has no %s", ErrNoTarget, actuator.AttrMountpoint)
		}
		return clean(strings.TrimPrefix(attr[actuator.AttrMountpoint], "/")), nil
	default:
		return "", fmt.Errorf("%w: a %s cannot be taken from evidence", ErrNoTarget, kind)
	}
}

// maxName bounds a part of a key that comes from telemetry.
const maxName = 128

// clean makes text from telemetry fit to stand in keys, logs and terminals.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
	if len(text) > maxName {
		text = strings.ToValidUTF8(text[:maxName], "")
	}
	if text == "" {
		return "_"
	}
	return text
}

// segment is clean text without the separator of keys.
func segment(text string) string { return strings.ReplaceAll(clean(text), "/", "_") }

// Unplanned names the target of a fault for which there is no plan. Nobody
// acts on it, so that no process is singled out: one incident speaks for all
// processes of the same name and owner.
func Unplanned(f finding.Finding, host Host) actuator.Target {
	for _, kind := range []string{actuator.KindProcess, actuator.KindFilesystem} {
		if target, err := (TargetSpec{Kind: kind, From: fromEvidence}).Resolve(f, host); err == nil {
			delete(target.Attr, actuator.AttrPID)
			delete(target.Attr, actuator.AttrStart)
			return target
		}
	}
	target, err := TargetSpec{Kind: actuator.KindHost}.Resolve(f, host)
	if err != nil {
		panic("BUG: a host is always a target: " + err.Error())
	}
	return target
}
