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

// Script turns a console block into a testscript: every command must succeed
// and show what the block shows. It is "" for a block that is not to be run.
// The custom commands are shell 'line', start 'text' 'line', which goes on once
// the line has said the text, and stop, which interrupts what was started.
func Script(block Block) (string, error) {
	commands, err := Commands(block)
	if err != nil {
		return "", err
	}
	if why, ok := strings.CutPrefix(block.Note, "not run: "); ok && why != "" {
		return "", nil
	}
	if text, ok := strings.CutPrefix(block.Note, "run until "); ok {
		last := len(commands) - 1
		return steps(commands[:last]) + begin(text, commands[last].Line) + "stop\n" + expected(commands[last]), nil
	}
	if rest, ok := strings.CutPrefix(block.Note, "run while "); ok {
		line, text, ok := strings.Cut(rest, " says ")
		if !ok {
			return "", fmt.Errorf("%s: write run while LINE says TEXT (got %q)", block, block.Note)
		}
		return begin(text, line) + steps(commands) + "stop\n", nil
	}
	switch {
	case block.Note == "run", block.Note == "" && block.File == "README.md":
		return steps(commands), nil
	case block.Note == "":
		return "", nil
	default:
		return "", fmt.Errorf("%s: %q does not say how to run the block", block, block.Note)
	}
}

func begin(text, line string) string { return fmt.Sprintf("start %s %s\n", quote(text), quote(line)) }

func steps(commands []Command) string {
	var script strings.Builder
	for _, command := range commands {
		fmt.Fprintf(&script, "shell %s\n%s", quote(command.Line), expected(command))
	}
	return script.String()
}

func expected(command Command) string {
	var script strings.Builder
	for _, line := range command.Output {
		if pattern := Pattern(line); pattern != "" {
			fmt.Fprintf(&script, "stdout %s\n", quote(pattern))
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
