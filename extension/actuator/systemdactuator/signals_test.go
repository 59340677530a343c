// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"testing"
	"testing/synctest"

	godbus "github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

func TestSignals(t *testing.T) {
	s := newSignals()
	a, b := make(chan *godbus.Signal, 1), make(chan *godbus.Signal, 1)
	s.AddSignal(a)
	s.AddSignal(b)
	s.RemoveSignal(b)
	s.RemoveSignal(b)
	s.DeliverSignal("", "", &godbus.Signal{Name: "one"})
	require.Equal(t, "one", (<-a).Name)
	s.Terminate()
	s.Terminate()
	_, open := <-a
	require.False(t, open, "the reader is told that nothing more will arrive")
	require.Empty(t, b)

	late := make(chan *godbus.Signal)
	s.AddSignal(late)
	_, open = <-late
	require.False(t, open, "and so is one that comes too late")
	s.DeliverSignal("", "", &godbus.Signal{Name: "two"})
}

// A reader that stopped reading does not hold up the end of the connection.
func TestSignalsGiveUpAtTheEnd(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		s := newSignals()
		s.AddSignal(make(chan *godbus.Signal))
		delivered := make(chan struct{})
		go func() {
			s.DeliverSignal("", "", &godbus.Signal{})
			close(delivered)
		}()
		synctest.Wait()
		s.Terminate()
		<-delivered
	})
}
