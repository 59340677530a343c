// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"sync"

	godbus "github.com/godbus/dbus/v5"
)

// signals hands D-Bus signals to those who registered for them. The library's
// own handler forgets to close a channel that is registered after the
// connection has been lost, and whoever reads from it waits for ever; against
// a dying bus that is a goroutine lost for each attempt.
type signals struct {
	gone chan struct{} // closed when the connection is
	once sync.Once

	mu       sync.RWMutex // guards everything below
	closed   bool
	channels []chan<- *godbus.Signal
}

var (
	_ godbus.SignalHandler   = (*signals)(nil)
	_ godbus.SignalRegistrar = (*signals)(nil)
	_ godbus.Terminator      = (*signals)(nil)
)

func newSignals() *signals { return &signals{gone: make(chan struct{})} }

// DeliverSignal is called by the connection for each signal, in order.
func (s *signals) DeliverSignal(_, _ string, signal *godbus.Signal) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, ch := range s.channels {
		select {
		case ch <- signal:
		case <-s.gone:
			return
		}
	}
}

// AddSignal registers a channel, or closes it when nothing can arrive.
func (s *signals) AddSignal(ch chan<- *godbus.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		close(ch)
		return
	}
	s.channels = append(s.channels, ch)
}

// RemoveSignal forgets a channel without closing it.
func (s *signals) RemoveSignal(ch chan<- *godbus.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.channels {
		if other == ch {
			s.channels = append(s.channels[:i:i], s.channels[i+1:]...)
			return
		}
	}
}

// Terminate is called when the connection is closed, from either side.
func (s *signals) Terminate() {
	s.once.Do(func() { close(s.gone) }) // lets a delivery under way give up
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, ch := range s.channels {
		close(ch)
	}
	s.channels = nil
}
