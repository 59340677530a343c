// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// Block is one fenced block.
type Block struct {
	File string // relative to the root of the repository
	Line int    // of the opening fence, from 1
	Lang string // "yaml", "console", …
	Note string // what a docs comment above says, "" without one
	Text string // with a newline at the end of each line
}

// String is where the block is, for people.
func (b Block) String() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

var (
	fence = regexp.MustCompile("^( {0,3})(```+)([A-Za-z0-9_+-]*)\\s*$")
	note  = regexp.MustCompile(`^\s*<!-- docs: (.*?) -->\s*$`)
)

// Blocks finds the fenced blocks of a Markdown text in order. It errs when a
// fence is left open, or when a docs comment stands above no block.
func Blocks(file, text string) ([]Block, error) {
	var (
		blocks []Block
		open   *Block
		closer string
		indent string
		above  string
	)
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		bare := strings.TrimRight(line, "\r\n")
		match := fence.FindStringSubmatch(bare)
		switch {
		case open != nil && match != nil && match[3] == "" && len(match[2]) >= len(closer):
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, indent)
		case match != nil:
			indent, closer = match[1], match[2]
			open = &Block{File: file, Line: i + 1, Lang: match[3], Note: above}
			above = ""
		case note.MatchString(bare):
			above = note.FindStringSubmatch(bare)[1]
		case above != "" && strings.TrimSpace(bare) != "":
			return nil, fmt.Errorf("%s:%d: the docs comment above belongs to no block", file, i+1)
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s: the block is never closed", open)
	}
	return blocks, nil
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	span    = regexp.MustCompile("`[^`\n]*`")
)

// Prose is the text without its fenced blocks.
func Prose(text string) string {
	var prose strings.Builder
	closer := ""
	for line := range strings.Lines(text) {
		match := fence.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		switch {
		case closer == "" && match != nil:
			closer = match[2]
		case closer != "" && match != nil && match[3] == "" && len(match[2]) >= len(closer):
			closer = ""
		case closer == "":
			prose.WriteString(line)
		}
	}
	return prose.String()
}

// Links lists the targets of inline links and images outside of blocks and
// code spans.
func Links(text string) []string {
	var targets []string
	for _, match := range link.FindAllStringSubmatch(span.ReplaceAllString(Prose(text), "``"), -1) {
		targets = append(targets, match[1])
	}
	return targets
}

// Anchors are the fragments that a page's headings answer to, as forges make
// them: lower case, without punctuation, hyphens for spaces.
func Anchors(text string) map[string]bool {
	anchors := make(map[string]bool)
	for _, match := range heading.FindAllStringSubmatch(Prose(text), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r > 127 || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			default:
				return -1
			}
		}, strings.ToLower(match[1]))
		anchors[slug] = true
	}
	return anchors
}
