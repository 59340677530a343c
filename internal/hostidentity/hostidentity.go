// SPDX-License-Identifier: Apache-2.0

// Package hostidentity reads who this host is: its name, a stable id and its
// operating system, as the semantic conventions for host and os resources
// define them. It needs no privilege but for the last of the id's sources.
package hostidentity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// maxFile bounds what is read of a file that claims to hold a name or an id.
const maxFile = 4096

// Read reads the identity of the host whose root is mounted at root; "" or
// "/" is the host, or container, that this process runs in. It never fails:
// the errors say what is missing, why, and what to do about it.
func Read(root string) (Identity, []error) {
	identity := Identity{OSType: osType(runtime.GOOS)}
	var missing []error
	var err error
	if identity.Name, err = readName(root); err != nil {
		missing = append(missing, err)
	}
	if identity.ID, err = readID(root); err != nil {
		missing = append(missing, err)
	}
	return identity, missing
}

// readName prefers the host's own file below a mounted root, because the
// kernel tells a container only the container's name. When it falls back to
// that name, it returns the name and an error.
func readName(root string) (string, error) {
	inside, err := os.Hostname()
	if err != nil {
		err = fmt.Errorf("host.name: %w", err)
	}
	if root == "" || root == "/" {
		return inside, err
	}
	path := filepath.Join(root, "/etc/hostname")
	text, ferr := readFile(path)
	if ferr == nil {
		var name string
		if name, ferr = parseHostname(text); ferr == nil {
			return name, nil
		}
		ferr = fmt.Errorf("%s: %w", path, ferr)
	}
	return inside, errors.Join(err, fmt.Errorf("host.name: %w; using %q, the name that this process sees", ferr, inside))
}

func readID(root string) (string, error) {
	var errs []error
	for _, source := range idSources {
		path := filepath.Join("/", root, source.path)
		text, err := readFile(path)
		if err == nil {
			var id string
			if id, err = source.parse(text); err == nil {
				return id, nil
			}
			err = fmt.Errorf("%s: %w", path, err)
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("host.id is not set, hosts are told apart by host.name alone; in a container mount the host's root and name it in root_path: %w", errors.Join(errs...))
}

func readFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	buf := make([]byte, maxFile)
	n, err := file.Read(buf)
	if n == 0 && err != nil {
		return "", fmt.Errorf("%s: empty or unreadable: %w", path, err)
	}
	return string(buf[:n]), nil
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
