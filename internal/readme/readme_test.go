// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlocks(t *testing.T) {
	const text = "# Title\n```yaml\na: 1\n\nb: 2\n```\ntext ```yaml inline```\n```console\n$ ls\n```\n- item\n  ```yaml\n  c:\n    d: 3\n  ```\n```yaml\nopen: true\n"
	require.Equal(t, []string{"a: 1\n\nb: 2\n", "c:\n  d: 3\n", "open: true\n"}, Blocks(text, "yaml"))
	require.Equal(t, []string{"$ ls\n"}, Blocks(text, "console"))
	require.Empty(t, Blocks(text, "json"))
	require.Empty(t, Blocks("", "yaml"))
}

func FuzzBlocks(f *testing.F) {
	f.Add("```yaml\na: 1\n```\n")
	f.Add("   ```yaml\n   a\n```")
	f.Add("```\n```yaml\n``````")
	f.Fuzz(func(t *testing.T, text string) {
		total := 0
		for _, block := range Blocks(text, "yaml") {
			total += len(block)
		}
		require.LessOrEqual(t, total, len(text))
		require.Empty(t, Blocks(strings.ReplaceAll(text, "yaml", ""), "yaml"))
	})
}
