// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = "# One page, twice\n" +
	"A [link](other.md#there), `[no](link.md)` and ![picture](p.svg).\n\n" +
	"<!-- docs: in processors::anomaly -->\n\n" +
	"```yaml\nrules: []\n```\n" +
	"  ```console\n  $ make run\n  [no](link.md)\n  ```\n" +
	"````text\n```yaml\n````\n" +
	"## `make run` & more_words\n"

func TestBlocks(t *testing.T) {
	blocks, err := Blocks("a.md", sample)
	require.NoError(t, err)
	require.Equal(t, []Block{
		{File: "a.md", Line: 6, Lang: "yaml", Note: "in processors::anomaly", Text: "rules: []\n"},
		{File: "a.md", Line: 9, Lang: "console", Text: "$ make run\n[no](link.md)\n"},
		{File: "a.md", Line: 13, Lang: "text", Text: "```yaml\n"},
	}, blocks)
	require.Equal(t, "a.md:6", blocks[0].String())

	_, err = Blocks("a.md", "```yaml\na: 1\n")
	require.EqualError(t, err, "a.md:1: the block is never closed")
	_, err = Blocks("a.md", "<!-- docs: builder -->\nprose\n")
	require.EqualError(t, err, "a.md:2: the docs comment above belongs to no block")
}

func TestLinksAndAnchors(t *testing.T) {
	require.Equal(t, []string{"other.md#there", "p.svg"}, Links(sample))
	require.Equal(t, map[string]bool{"one-page-twice": true, "make-run--more_words": true}, Anchors(sample))
}

func TestConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		block Block
		want  []string
		err   string
	}{
		"complete":   {Block{Text: "service: {}\nreceivers: {}\n"}, []string{"service: {}\nreceivers: {}\n"}, ""},
		"components": {Block{Text: "processors: {}\n"}, []string{surroundings, "processors: {}\n"}, ""},
		"excerpt": {
			Block{Note: "in processors::anomaly", Text: "rules:\n  - {name: a}\n"},
			[]string{surroundings, "processors:\n  anomaly:\n    rules:\n      - {name: a}\n"},
			"",
		},
		"unknown section": {Block{Text: "rules: []\n"}, nil, `:0: "rules" is no section of a configuration: say above the block where it belongs, e.g. <!-- docs: in processors::anomaly -->`},
		"unknown note":    {Block{Note: "trust me", Text: "a: 1\n"}, nil, `:0: "trust me" does not say what the block is`},
		"empty":           {Block{Text: "# nothing\n"}, nil, ":0: the block is empty"},
		"not yaml":        {Block{Text: "a: [\n"}, nil, ":0: yaml: line 1: did not find expected node content"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Configuration(c.block)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	require.Equal(t, []string{"A", "B_2"}, Environment("${env:B_2} ${env:A} ${env:A} ${env:C:-default} ${D}"))
}

func TestCheckBuilder(t *testing.T) {
	require.NoError(t, CheckBuilder(Block{Text: "dist: {name: x}\nextensions:\n  - gomod: example.com/a v1.0.0\n    import: example.com/a/b\nreplaces: [a => b]\n"}))
	require.EqualError(t, CheckBuilder(Block{Text: "extensions:\n  - gomod: example.com/a\n"}), `:0: extensions: gomod must be a module and a version (got "example.com/a")`)
	require.EqualError(t, CheckBuilder(Block{Text: "extension: []\n"}), `:0: a builder configuration has no ["extension"]`)
}

func TestCheckKubernetes(t *testing.T) {
	const object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	require.NoError(t, CheckKubernetes(Block{Text: object + "---\n" + object}))
	require.EqualError(t, CheckKubernetes(Block{Text: object + "---\nkind: Pod\n"}), ":0: an object needs apiVersion, kind and metadata.name")
}

func TestCommands(t *testing.T) {
	commands, err := Commands(Block{Text: "$ make run\nsays hello ... now\n\n...\n$ a \\\n    b\n"})
	require.NoError(t, err)
	require.Equal(t, []Command{
		{Line: "make run", Output: []string{"says hello ... now", "..."}},
		{Line: "a b"},
	}, commands)

	_, err = Commands(Block{Text: "output\n"})
	require.EqualError(t, err, `:0: begins with output; what a reader types begins with "$ "`)
	_, err = Commands(Block{Text: "\n"})
	require.EqualError(t, err, ":0: nothing is typed")
}

func TestScript(t *testing.T) {
	const text = "$ make run\nsays hello ... now\n$ b\n...\n"
	for note, want := range map[string]string{
		"":                             "",
		"run":                          "shell 'make run'\nstdout 'says\\s+hello.*now'\nshell 'b'\n",
		"run until it's up":            "shell 'make run'\nstdout 'says\\s+hello.*now'\nstart 'it''s up' 'b'\nstop\n",
		"run while make run says here": "start 'here' 'make run'\nshell 'make run'\nstdout 'says\\s+hello.*now'\nshell 'b'\nstop\n",
		"not run: it is slow":          "",
	} {
		got, err := Script(Block{File: "docs/a.md", Note: note, Text: text})
		require.NoError(t, err)
		require.Equal(t, want, got, note)
	}
	inReadme, err := Script(Block{File: "README.md", Text: "$ b\n"})
	require.NoError(t, err)
	require.Equal(t, "shell 'b'\n", inReadme)

	for note, want := range map[string]string{
		"run while make run": `a.md:1: write run while LINE says TEXT (got "run while make run")`,
		"not run: ":          `a.md:1: "not run: " does not say how to run the block`,
		"perhaps":            `a.md:1: "perhaps" does not say how to run the block`,
	} {
		_, err := Script(Block{File: "a.md", Line: 1, Note: note, Text: text})
		require.EqualError(t, err, want)
	}
}

func TestPattern(t *testing.T) {
	require.Empty(t, Pattern("  ... "))
	require.Regexp(t, Pattern("otlp_grpc    stable (logs)"), "  otlp_grpc stable   (logs)")
	require.NotRegexp(t, Pattern("a.c"), "abc")
	require.Regexp(t, Pattern("took ... ms"), "took 12.5 ms")
}
