// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
)

// Config of the console.
type Config struct {
	// HTTP is the server: endpoint, transport, tls, auth and the rest of the
	// Collector's HTTP server settings, at the top level of the console.
	HTTP confighttp.ServerConfig `mapstructure:",squash"`

	// Engine is the component id of the remediation engine extension that
	// the console serves.
	Engine component.ID `mapstructure:"engine"`
}

var _ component.Config = (*Config)(nil)

// Bounds of max_request_body_size, in bytes.
const (
	minBody = 4 << 10
	maxBody = 1 << 20
)

// Validate reports what is wrong in terms of the YAML keys. Server settings
// that have no place here are refused rather than ignored.
func (c *Config) Validate() error {
	var errs []error
	if c.Engine == (component.ID{}) {
		errs = append(errs, errors.New(`engine must not be empty: name the id of the remediation engine extension, e.g. "remediation_engine"`))
	}
	if c.HTTP.NetAddr.Endpoint == "" {
		errs = append(errs, fmt.Errorf("endpoint must not be empty: use an address such as %s, or the path of a socket with transport: unix", defaultEndpoint))
	} else if err := c.checkEndpoint(); err != nil {
		errs = append(errs, err)
	}
	if size := c.HTTP.MaxRequestBodySize; size < minBody || size > maxBody {
		errs = append(errs, fmt.Errorf("max_request_body_size must be from %d to %d bytes (got %d)", minBody, maxBody, size))
	}
	if c.HTTP.CORS.HasValue() {
		errs = append(errs, errors.New("cors must be left out: the console answers no page of another origin, because whoever runs that page could repair, or stop, this machine"))
	}
	if c.HTTP.IncludeMetadata {
		errs = append(errs, errors.New("include_metadata must be false or left out: nothing behind the console reads it"))
	}
	if c.HTTP.NetAddr.DialerConfig != (confignet.DialerConfig{}) {
		errs = append(errs, errors.New("dialer must be left out: the console dials nobody"))
	}
	return errors.Join(errs...)
}

func (c *Config) checkEndpoint() error {
	endpoint := c.HTTP.NetAddr.Endpoint
	switch transport := c.HTTP.NetAddr.Transport; transport {
	case confignet.TransportTypeUnix:
		if !filepath.IsAbs(endpoint) {
			return fmt.Errorf("endpoint must be an absolute path with transport: unix (got %q)", endpoint)
		}
		return nil
	case confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6:
		host, port, err := net.SplitHostPort(endpoint)
		if err != nil || port == "" {
			return fmt.Errorf("endpoint must be HOST:PORT, e.g. %s (got %q)", defaultEndpoint, endpoint)
		}
		if !c.HTTP.Auth.HasValue() && !isLoopback(host) {
			return fmt.Errorf("endpoint %q can be reached from other machines, and anyone who reaches it could approve actions: configure auth, or listen on localhost", endpoint)
		}
		return nil
	default:
		return fmt.Errorf("transport must be tcp, tcp4, tcp6 or unix (got %q)", transport)
	}
}

// isLoopback reports whether a listener on host is out of reach for other
// machines. An empty host is every address of this one.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
