// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/operate"
)

// DefaultEndpoint is where a console listens unless it was told otherwise.
const DefaultEndpoint = "http://localhost:8687"

// maxAnswer bounds what a client reads of an answer.
const maxAnswer = 64 << 20

// Errors of a client, wrapped with the endpoint and the reason. What the
// console itself refuses is a *Problem.
var (
	ErrEndpoint    = errors.New("invalid endpoint")
	ErrUnreachable = errors.New("no console answers")
	ErrForeign     = errors.New("what answers is no console")
)

// Client talks to one console. Safe for concurrent use.
type Client struct {
	endpoint string // as the user wrote it
	base     string // URL before Base
	token    string
	http     *http.Client
}

// NewClient makes a client of the console at endpoint: http://HOST:PORT,
// https://HOST:PORT or unix:///PATH/TO/SOCKET. token, if not empty, is sent
// as a bearer token, though never in clear text over a network. It errs with
// ErrEndpoint.
func NewClient(endpoint, token string) (*Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	base, socket, err := parseEndpoint(endpoint, token != "")
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrEndpoint, endpoint, err)
	}
	if socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	}
	return &Client{
		endpoint: endpoint,
		base:     base,
		token:    token,
		http: &http.Client{
			Transport: transport,
			// The API never redirects: something else would get the answer.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// parseEndpoint returns the URL to which paths are added and, for a socket,
// its path.
func parseEndpoint(endpoint string, secret bool) (base, socket string, err error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", "", errors.New("use http://HOST:PORT, https://HOST:PORT or unix:///PATH")
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || u.Path == "" || u.Path == "/" {
			return "", "", errors.New("use three slashes and the path of the socket, e.g. unix:///run/homeostat.sock")
		}
		return "http://localhost", u.Path, nil
	case "http", "https":
		switch {
		case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return "", "", errors.New("use " + u.Scheme + "://HOST:PORT and nothing behind it")
		case u.Scheme == "http" && secret && !isLocal(u.Host):
			return "", "", errors.New("a token would cross the network in clear text: use https://")
		}
		return strings.TrimSuffix(endpoint, "/"), "", nil
	default:
		return "", "", errors.New("use http://HOST:PORT, https://HOST:PORT or unix:///PATH")
	}
}

// SetTimeout bounds each request from now on; 0 is no bound. Call it before
// the client is used.
func (c *Client) SetTimeout(d time.Duration) { c.http.Timeout = d }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns the engine in one glance.
func (c *Client) Status(ctx context.Context) (status operate.Status, err error) {
	err = c.do(ctx, http.MethodGet, "/status", nil, &status)
	return status, err
}

// Incidents returns live and recently closed incidents, newest first.
func (c *Client) Incidents(ctx context.Context) ([]operate.Incident, error) {
	var list IncidentList
	err := c.do(ctx, http.MethodGet, "/incidents", nil, &list)
	return list.Incidents, err
}

// Incident returns one incident with its history.
func (c *Client) Incident(ctx context.Context, id string) (incident operate.Incident, err error) {
	err = c.do(ctx, http.MethodGet, "/incidents/"+url.PathEscape(id), nil, &incident)
	return incident, err
}

// Answer answers the open question of an incident.
func (c *Client) Answer(ctx context.Context, id string, answer AnswerBody) error {
	return c.do(ctx, http.MethodPost, "/incidents/"+url.PathEscape(id)+"/answer", answer, nil)
}

// SetStop throws or releases the stop switch.
func (c *Client) SetStop(ctx context.Context, stop StopBody) error {
	return c.do(ctx, http.MethodPut, "/stop", stop, nil)
}

// do sends one request, and decodes what comes back into a value unless that
// is nil.
func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+Base+path, content)
	if err != nil {
		return fmt.Errorf("%w %q: %w", ErrEndpoint, c.endpoint, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.endpoint, cause(err))
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.endpoint, err)
	}
	return c.read(response, data, into)
}

func (c *Client) read(response *http.Response, data []byte, into any) error {
	if response.StatusCode >= http.StatusBadRequest {
		problem := &Problem{}
		if json.Unmarshal(data, problem) == nil && strings.HasPrefix(problem.Type, "urn:homeostat:") {
			problem.Status = response.StatusCode
			return problem
		}
	}
	if response.StatusCode == http.StatusNoContent && into == nil {
		return nil
	}
	if response.StatusCode != http.StatusOK || into == nil {
		return fmt.Errorf("%w: %s says %s", ErrForeign, c.endpoint, response.Status)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %s says %s, but no JSON: %w", ErrForeign, c.endpoint, response.Status, err)
	}
	return nil
}

// cause drops the method and the URL, which for a socket is made up.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
