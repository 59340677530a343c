// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net"
	"net/http"
	"strings"
)

// secure sets the headers that keep a browser from doing anything with an
// answer but showing it to whoever asked. What is set already stays: it was
// configured.
func secure(header http.Header) {
	for name, value := range map[string]string{
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	} {
		if header.Get(name) == "" {
			header.Set(name, value)
		}
	}
}

// guard stands before every route.
func guard(next http.Handler, localOnly bool) http.Handler {
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteProblem(w, &Problem{
			Type: ProblemForeign, Title: "The request comes from a page of another origin", Status: http.StatusForbidden,
			Remedy: "use homeostatctl, or a page that the console itself serves",
		})
	}))
	protected := origins.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if localOnly && !isLocal(r.Host) {
			WriteProblem(w, &Problem{
				Type: ProblemMisdirected, Title: "The request names another host", Status: http.StatusMisdirectedRequest,
				Detail: "without authentication the console answers only requests for localhost or a loopback address",
				Remedy: "ask for localhost, or configure auth",
			})
			return
		}
		protected.ServeHTTP(w, r)
	})
}

// isLocal reports whether a Host header names this machine by a name that no
// DNS server can point elsewhere. A page of an attacker whose name resolves
// to 127.0.0.1 (DNS rebinding) is of the same origin as the console to its
// browser, and given away by nothing but its Host header.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
