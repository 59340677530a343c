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

// privateSocket is where the manager of the host answers root without a bus.
const privateSocket = "unix:path=/run/systemd/private"

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
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch {
	case e.cfg.Address != "":
		return dialAddress(ctx, e.cfg.Address)
	case e.cfg.Scope == ScopeUser:
		return dbus.NewUserConnectionContext(ctx)
	case os.Geteuid() == 0:
		// The private socket works while the message bus is down, which is
		// when it may have to be repaired.
		conn, err := dialAddress(ctx, privateSocket)
		if err == nil {
			return conn, nil
		}
		bus, busErr := dbus.NewSystemConnectionContext(ctx)
		if busErr != nil {
			return nil, errors.Join(err, busErr)
		}
		return bus, nil
	default:
		return dbus.NewSystemConnectionContext(ctx)
	}
}

// dialAddress connects to a socket on which systemd itself answers, or a bus:
// a bus wants to be greeted first, and the names of systemd's own sockets end
// in "private".
func dialAddress(ctx context.Context, address string) (*dbus.Conn, error) {
	return dbus.NewConnection(func() (*godbus.Conn, error) {
		conn, err := godbus.Dial(address, godbus.WithContext(ctx))
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
