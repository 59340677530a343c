// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"github.com/homeostat/homeostat/extension/actuator"
)

// addresses are the sockets to try, in order: the manager's own, which works
// while the message bus is down and may have to be repaired, then the bus.
func (e *systemdExtension) addresses() []string {
	if e.cfg.Address != "" {
		return []string{e.cfg.Address}
	}
	if e.cfg.Scope == ScopeUser {
		run := os.Getenv("XDG_RUNTIME_DIR")
		if run == "" {
			run = fmt.Sprintf("/run/user/%d", os.Geteuid())
		}
		return []string{"unix:path=" + run + "/systemd/private", or(os.Getenv("DBUS_SESSION_BUS_ADDRESS"), "unix:path="+run+"/bus")}
	}
	bus := or(os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), "unix:path=/run/dbus/system_bus_socket")
	if os.Geteuid() == 0 {
		return []string{"unix:path=/run/systemd/private", bus}
	}
	return []string{bus}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// connect opens a connection for one call. Connections are not kept: systemd
// drops them when it executes itself again, and a call costs a millisecond.
// Its errors wrap ErrBlocked.
func (e *systemdExtension) connect(ctx context.Context) (*dbus.Conn, error) {
	conn, err := e.dial(ctx)
	if err != nil {
		err = fmt.Errorf("%w: systemd cannot be reached: %s", actuator.ErrBlocked, actuator.Clean(err.Error(), 300))
	}
	e.report(err)
	return conn, err
}

func (e *systemdExtension) dial(ctx context.Context) (*dbus.Conn, error) {
	var problems []error
	for _, address := range e.addresses() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		conn, err := dialAddress(ctx, address)
		if err == nil {
			return conn, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(problems...)
}

// dialAddress connects to a socket on which systemd itself answers, or a bus:
// a bus wants to be greeted first, and the names of systemd's own sockets end
// in "private".
func dialAddress(ctx context.Context, address string) (*dbus.Conn, error) {
	return dbus.NewConnection(func() (*godbus.Conn, error) {
		conn, err := godbus.Dial(address, godbus.WithContext(ctx), godbus.WithSignalHandler(newSignals()))
		if err != nil {
			return nil, err
		}
		err = conn.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
		if err == nil && !strings.HasSuffix(address, "/private") {
			err = conn.Hello()
		}
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	})
}
