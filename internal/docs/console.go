// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// Command is one line that a reader types, and what the block shows after it.
type Command struct {
	Line   string
	Output []string // lines; "..." stands for anything, alone on a line for any lines
}

// Commands reads a console block: a line that begins with "$ " is typed, a
// backslash at its end continues it, the rest is shown.
func Commands(block Block) ([]Command, error) {
	var commands []Command
	continued := false
	for line := range strings.Lines(block.Text) {
		line = strings.TrimRight(line, "\r\n")
		typed, isTyped := strings.CutPrefix(line, "$ ")
		switch {
		case continued:
			last := &commands[len(commands)-1]
			last.Line = strings.TrimSuffix(last.Line, `\`) + strings.TrimSpace(line)
		case isTyped:
			commands = append(commands, Command{Line: typed})
		case strings.TrimSpace(line) == "":
			continue
		case len(commands) == 0:
			return nil, fmt.Errorf("%s: begins with output; what a reader types begins with %q", block, "$ ")
		default:
			last := &commands[len(commands)-1]
			last.Output = append(last.Output, line)
		}
		continued = len(commands) > 0 && strings.HasSuffix(commands[len(commands)-1].Line, `\`)
	}
	if len(commands) == 0 {
		return nil, fmt.Errorf("%s: nothing is typed", block)
	}
	return commands, nil
}

// Script turns commands into a testscript: every command must succeed and show
// what the block shows. With until, the last command is interrupted as soon as
// it has said that.
func Script(commands []Command, until string) string {
	var script strings.Builder
	for i, command := range commands {
		if until != "" && i == len(commands)-1 {
			fmt.Fprintf(&script, "until %s %s\n", quote(until), quote(command.Line))
		} else {
			fmt.Fprintf(&script, "shell %s\n", quote(command.Line))
		}
		for _, line := range command.Output {
			if pattern := Pattern(line); pattern != "" {
				fmt.Fprintf(&script, "stdout %s\n", quote(pattern))
			}
		}
	}
	return script.String()
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Pattern is the regular expression for one line of output, or "" for a line
// that stands for anything.
func Pattern(line string) string {
	line = strings.TrimSpace(line)
	if line == "..." || line == "…" {
		return ""
	}
	parts := strings.Split(strings.ReplaceAll(line, "…", "..."), "...")
	for i, part := range parts {
		fields := strings.Fields(part) // columns may be wider or narrower than shown
		for j, field := range fields {
			fields[j] = regexp.QuoteMeta(field)
		}
		parts[i] = strings.Join(fields, `\s+`)
	}
	return strings.Join(parts, `.*`)
}
