// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/extension/actuator"
)

// protected cannot be switched off: whoever loses one of these loses the
// host, the way into it, or what the collector itself depends on.
var protected = []string{
	"init.scope", "*.slice", "session-*.scope", "user@*.service", "user-runtime-dir@*.service",
	"systemd-*", "dbus.service", "dbus.socket", "dbus-broker.service", "polkit.service",
	"ssh.service", "ssh.socket", "ssh@*.service", "sshd.service", "sshd.socket", "sshd@*.service", "dropbear.service", "getty@*.service", "serial-getty@*.service",
	"NetworkManager.service", "networking.service", "wpa_supplicant.service",
	"docker.service", "docker.socket", "containerd.service", "crio.service", "cri-docker.service", "cri-docker.socket", "podman.service", "podman.socket", "lxd.service", "incus.service",
	"kubelet.service", "etcd.service", "k3s*.service", "rke2*.service", "kube-*.service", "nomad.service", "consul.service",
	"rescue.*", "emergency.*", "shutdown.target", "reboot.target", "poweroff.target", "halt.target", "kexec.target", "final.target", "sysinit.target", "basic.target",
	"default.target", "multi-user.target", "graphical.target", "*.mount", "*.swap", "*.device", "*.automount",
}

// unitName is systemd's own rule for names (unit_name_is_valid): letters,
// digits and :-_.\@ before a known type. A template without an instance is
// not a unit.
var unitName = regexp.MustCompile(`^[a-zA-Z0-9:_.\\@-]+\.(service|socket|target|timer|path|mount|automount|swap|device|slice|scope)$`)

const longestName = 255

// unitOf reads the unit that a target means.
func unitOf(target actuator.Target) (string, error) {
	name := target.Attr[actuator.AttrUnit]
	prefix, _, _ := strings.Cut(name, ".")
	if len(name) > longestName || !unitName.MatchString(name) || strings.HasPrefix(name, "@") || strings.HasSuffix(prefix, "@") {
		return "", fmt.Errorf(`%w: %s must be the name of a unit such as nginx.service (got "%s")`, actuator.ErrParams, actuator.AttrUnit, actuator.Clean(name, 80))
	}
	return name, nil
}

// allowed says why a unit may not be touched: each of its names must be free
// of protection, and one must be on the allow-list.
func (e *systemdExtension) allowed(names []string, own string) error {
	for _, name := range names {
		switch {
		case name == own:
			return fmt.Errorf("%w: %s is the collector's own unit", actuator.ErrProtected, name)
		case matches(name, protected):
			return fmt.Errorf("%w: %s keeps the host alive or reachable", actuator.ErrProtected, actuator.Clean(name, longestName))
		case matches(name, e.cfg.Protected):
			return fmt.Errorf("%w: %s is protected by the configuration", actuator.ErrProtected, actuator.Clean(name, longestName))
		}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return matches(name, e.cfg.Units) }) {
		return fmt.Errorf("%w: %s is not among the units that the configuration allows (units)", actuator.ErrProtected, actuator.Clean(names[0], longestName))
	}
	return nil
}

func matches(name string, globs []string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		ok, err := path.Match(escapeGlob(glob), name)
		return err == nil && ok
	})
}

// escapeGlob keeps the backslashes of escaped unit names such as a\x2db.
func escapeGlob(glob string) string { return strings.ReplaceAll(glob, `\x`, `\\x`) }
