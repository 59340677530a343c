// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// commandLines returns the argument lists under which a command may appear in
// /proc: as it is, and for a script with its interpreter in front.
func commandLines(command []string) [][]string {
	lines := [][]string{command}
	f, err := os.Open(command[0])
	if err != nil {
		return lines
	}
	defer f.Close()
	head := make([]byte, 256) // the kernel reads no more either
	n, _ := io.ReadFull(f, head)
	if prefix := shebang(string(head[:n])); prefix != nil {
		lines = append(lines, append(prefix, command...))
	}
	return lines
}

// shebang returns what the kernel puts in front of a script's arguments: the
// interpreter and the rest of the line as one argument. For env, which
// replaces itself, it is what env executes.
func shebang(head string) []string {
	line, ok := strings.CutPrefix(head, "#!")
	if !ok {
		return nil
	}
	line, _, _ = strings.Cut(line, "\n")
	interpreter, argument, _ := strings.Cut(strings.Trim(line, " \t"), " ")
	argument = strings.Trim(argument, " \t")
	switch {
	case interpreter == "":
		return nil
	case argument == "":
		return []string{interpreter}
	case filepath.Base(interpreter) == "env":
		if rest, ok := strings.CutPrefix(argument, "-S"); ok {
			return strings.Fields(rest)
		}
		return []string{argument}
	}
	return []string{interpreter, argument}
}

// runs reports whether a process was started with one of these argument lists.
func runs(args []string, lines [][]string) bool {
	return slices.ContainsFunc(lines, func(line []string) bool { return slices.Equal(args, line) })
}
