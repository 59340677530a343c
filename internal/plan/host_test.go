// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
)

func TestThisHostHasOneNameAndNoOtherHostHasIt(t *testing.T) {
	here := Host{Name: "web1", ID: "id1"}
	for _, c := range []struct {
		name, id string
		host     Host
		is       bool
		want     string // host of a local target
		pool     string // host of a target elsewhere
	}{
		{"web1", "id1", here, true, "web1", "web1"},
		{"web1.example.com", "id1", here, true, "web1", "web1.example.com"},
		{"", "id1", here, true, "web1", "web1"},
		{"", "", here, true, "web1", "web1"},
		{"web1", "", here, true, "web1", "web1"},
		{"web1.example.com", "", here, false, "web1.example.com", "web1.example.com"},
		{"web1", "id2", here, false, "web1@id2", "web1"},
		{"", "id2", here, false, "@id2", "web1"},
		{"web1", "id2", Host{Name: "web1"}, true, "web1", "web1"},
		{"db1", "id2", Host{Name: "web1"}, false, "db1@id2", "db1"},
	} {
		f := finding.Finding{Resource: map[string]string{}}
		if c.name != "" {
			f.Resource[actuator.AttrHost] = c.name
		}
		if c.id != "" {
			f.Resource[actuator.AttrHostID] = c.id
		}
		require.Equal(t, c.is, c.host.Is(c.name, c.id), "%+v", c)
		for _, spec := range []TargetSpec{{Kind: actuator.KindHost}, {Kind: actuator.KindUnit, Unit: "u"}, {Kind: actuator.KindService, Name: "u"}} {
			got, err := spec.Resolve(f, c.host)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Attr[actuator.AttrHost], "%+v", c)
			require.Contains(t, []string{c.want, c.want + "/u"}, got.Key)
		}
		got, err := TargetSpec{Kind: "pool", Name: "p"}.Resolve(f, c.host)
		require.NoError(t, err)
		require.Equal(t, c.pool+"/p", got.Key, "%+v", c)
	}
}
