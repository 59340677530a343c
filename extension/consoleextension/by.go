// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/client"

	"github.com/homeostat/homeostat/extension/actuator"
)

// maxBy bounds the name of an operator, in bytes.
const maxBy = 128

// nameAttributes of authentication data in which extensions put a name:
// basic_auth, then OpenID Connect. "raw", where basic_auth puts the password,
// must never be among them.
var nameAttributes = []string{"username", "subject"}

// by tells who sends requests, for the audit trail: by the name that the auth
// extension found; or that it authenticated somebody without a name, such as
// the holder of a token; or, where nobody authenticates, the local user as
// far as the kernel knows. A name that could be taken for one of the latter
// is put into quotes.
func by(authenticated bool) func(*http.Request) string {
	return func(r *http.Request) string {
		if !authenticated {
			return "local (" + where(r) + ")"
		}
		if auth := client.FromContext(r.Context()).Auth; auth != nil {
			for _, attribute := range nameAttributes {
				if name, ok := auth.GetAttribute(attribute).(string); ok && name != "" {
					return named(name)
				}
			}
		}
		return "authenticated (" + where(r) + ")"
	}
}

func named(name string) string {
	name = actuator.Clean(name, maxBy)
	if strings.ContainsAny(name, ` ()"`) {
		return `"` + name + `"`
	}
	return name
}

// where tells from which end of a connection a request came.
func where(r *http.Request) string {
	if peer, ok := r.Context().Value(peerKey{}).(string); ok {
		return peer
	}
	return actuator.Clean(r.RemoteAddr, maxBy)
}

type peerKey struct{}

// rememberPeer keeps with a connection who is at its other end, where the
// kernel knows: a Unix socket has no remote address worth writing down.
func rememberPeer(ctx context.Context, conn net.Conn) context.Context {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	peer := "unix socket"
	if uid, pid, err := credentials(unixConn); err == nil {
		peer = fmt.Sprintf("uid %d, pid %d", uid, pid)
	}
	return context.WithValue(ctx, peerKey{}, peer)
}
