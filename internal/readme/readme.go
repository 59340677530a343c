// SPDX-License-Identifier: Apache-2.0

// Package readme reads the fenced code blocks of Markdown, so that tests can
// run and validate what the documentation shows.
package readme

import "strings"

// Blocks returns the text of every fenced block of the given language, in
// order. A fence is a line of three backticks, indented or not; a block that
// is never closed reaches to the end of the text.
func Blocks(markdown, language string) []string {
	var blocks []string
	var block *strings.Builder // nil outside of a fence
	wanted := false
	indent := ""
	for line := range strings.Lines(markdown) {
		fence := strings.TrimSpace(line)
		switch {
		case block == nil && strings.HasPrefix(fence, "```"):
			block = &strings.Builder{}
			wanted = strings.TrimPrefix(fence, "```") == language
			indent = line[:strings.Index(line, "`")]
		case block != nil && fence == "```":
			if wanted {
				blocks = append(blocks, block.String())
			}
			block = nil
		case block != nil:
			block.WriteString(strings.TrimPrefix(line, indent))
		}
	}
	if block != nil && wanted {
		blocks = append(blocks, block.String())
	}
	return blocks
}
