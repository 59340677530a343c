// SPDX-License-Identifier: Apache-2.0

// Package hostidentity reads who this host is: its name, a stable id and its
// operating system, as the semantic conventions for host and os resources
// define them. It needs no privilege but for the last of the id's sources.
package hostidentity

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// Identity of a host. Name or ID is "" where none was found.
type Identity struct {
	Name   string // host.name
	ID     string // host.id, always text: an id of digits only is no number
	OSType string // os.type, e.g. "linux"
}

// idSource is a file that may hold the id, and the check that tells an id
// from a placeholder.
type idSource struct {
	path  string
	parse func(text string) (string, error)
}

// idSources in order of preference: systemd's machine id, its older home in
// D-Bus, and the firmware's UUID (readable by root only).
var idSources = []idSource{
	{"/etc/machine-id", parseMachineID},
	{"/var/lib/dbus/machine-id", parseMachineID},
	{"/sys/class/dmi/id/product_uuid", parseProductUUID},
}

// hostnamePath is where the name is below a mounted root.
const hostnamePath = "/etc/hostname"

// maxFile bounds what is read of a file that claims to hold a name or an id.
const maxFile = 4096

// Read reads the identity of the host whose root is mounted at root; "" or
// "/" is the host, or container, that this process runs in. The identity is
// as good as it gets; the error says what it lacks, why, and the remedy.
func Read(root string) (Identity, error) {
	identity := Identity{OSType: osType(runtime.GOOS)}
	var nameErr, idErr error
	identity.Name, nameErr = readName(root)
	identity.ID, idErr = readID(root)
	return identity, errors.Join(nameErr, idErr)
}

// readName prefers the host's own file below a mounted root, because the
// kernel tells a container only the container's name. When it falls back to
// that name, it returns the name and an error.
func readName(root string) (string, error) {
	if !mounted(root) {
		name, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("host.name is not set: %w", err)
		}
		return name, nil
	}
	name, err := readParsed(root, hostnamePath, parseHostname)
	if err == nil {
		return name, nil
	}
	fallback, _ := os.Hostname()
	return fallback, fmt.Errorf("host.name is %q, which is what this process sees: %w", fallback, err)
}

func readID(root string) (string, error) {
	var errs []error
	for _, source := range idSources {
		id, err := readParsed(root, source.path, source.parse)
		if err == nil {
			return id, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("host.id is not set, so that host.name alone tells hosts apart; in a container mount the root of the host read-only and name it in root_path: %w", errors.Join(errs...))
}

func mounted(root string) bool { return root != "" && root != "/" }

// readParsed reads one small file of the host. Below a mounted root a
// symbolic link that leaves it is an error: followed, it would end at the
// container's file of the same name.
func readParsed(root, path string, parse func(string) (string, error)) (string, error) {
	file, err := open(root, path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return "", err
	}
	value, err := parse(string(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file.Name(), err)
	}
	return value, nil
}

func open(root, path string) (*os.File, error) {
	if !mounted(root) {
		return os.Open(path)
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Open(strings.TrimPrefix(path, "/"))
}

// parseHostname reads the format of /etc/hostname (hostname(5)): the first
// line that is neither empty nor a comment, at most 64 bytes on Linux.
func parseHostname(text string) (string, error) {
	for line := range strings.Lines(text) {
		name := strings.TrimSpace(line)
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if len(name) > 64 {
			return "", errors.New("the name is longer than 64 bytes")
		}
		for _, r := range name {
			if r <= ' ' || r >= 0x7f {
				return "", fmt.Errorf("%q is no host name", name)
			}
		}
		return name, nil
	}
	return "", errors.New("holds no name")
}

// parseMachineID reads the format of /etc/machine-id (machine-id(5)): 32
// lower-case hexadecimal digits, not all zero. Before the first boot has
// finished the file is empty or says "uninitialized".
func parseMachineID(text string) (string, error) {
	id := strings.TrimSpace(text)
	if len(id) != 32 || !isHex(id) || strings.Trim(id, "0") == "" {
		return "", fmt.Errorf("%.40q is no machine id (32 hexadecimal digits)", id)
	}
	return strings.ToLower(id), nil
}

// parseProductUUID reads the UUID of the firmware. All zero and all F are
// what boards carry whose maker set none.
func parseProductUUID(text string) (string, error) {
	id := strings.ToLower(strings.TrimSpace(text))
	digits := strings.ReplaceAll(id, "-", "")
	if len(id) != 36 || len(digits) != 32 || !isHex(digits) || strings.Trim(digits, "0") == "" || strings.Trim(digits, "f") == "" {
		return "", fmt.Errorf("%.40q is no product UUID", id)
	}
	return id, nil
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// osType maps Go's name of the operating system to the semantic
// conventions' where they differ.
func osType(goos string) string {
	switch goos {
	case "dragonfly":
		return "dragonflybsd"
	case "zos":
		return "z_os"
	default:
		return goos
	}
}
