// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Transport is one of the three ways in which OTLP travels.
type Transport string

// The transports that every OTLP receiver must speak.
const (
	GRPC     Transport = "grpc"
	HTTP     Transport = "http/protobuf"
	HTTPJSON Transport = "http/json"
)

// Transports lists all of them.
func Transports() []Transport { return []Transport{GRPC, HTTP, HTTPJSON} }

// Client sends OTLP metrics to a process that may be down at the moment.
type Client struct {
	grpcAddr, httpAddr string
	conn               *grpc.ClientConn
	web                *http.Client
}

// NewClient connects lazily to the OTLP receiver's two servers (host:port);
// the connections end with the test.
func NewClient(tb testing.TB, grpcAddr, httpAddr string) *Client {
	tb.Helper()
	conn, err := grpc.NewClient(grpcAddr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		tb.Fatalf("connect to %s: %v", grpcAddr, err)
	}
	c := &Client{grpcAddr: grpcAddr, httpAddr: httpAddr, conn: conn, web: &http.Client{Transport: &http.Transport{}}}
	tb.Cleanup(func() {
		_ = conn.Close()
		c.web.CloseIdleConnections()
	})
	return c
}

// Send delivers md once and errs unless it was accepted completely.
func (c *Client) Send(ctx context.Context, by Transport, md pmetric.Metrics) error {
	ctx, cancel := soon(ctx)
	defer cancel()
	req := pmetricotlp.NewExportRequestFromMetrics(md)
	switch by {
	case GRPC:
		resp, err := pmetricotlp.NewGRPCClient(c.conn).Export(ctx, req)
		if err != nil {
			return fmt.Errorf("send to %s: %w", c.grpcAddr, err)
		}
		if n := resp.PartialSuccess().RejectedDataPoints(); n > 0 {
			return fmt.Errorf("%d points were rejected: %s", n, resp.PartialSuccess().ErrorMessage())
		}
		return nil
	case HTTP:
		body, err := req.MarshalProto()
		if err != nil {
			return err
		}
		return c.post(ctx, "application/x-protobuf", body)
	case HTTPJSON:
		body, err := req.MarshalJSON()
		if err != nil {
			return err
		}
		return c.post(ctx, "application/json", body)
	default:
		return fmt.Errorf("no transport %q", by)
	}
}

func (c *Client) post(ctx context.Context, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.httpAddr+"/v1/metrics", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.web.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("send to %s: %s: %s", c.httpAddr, resp.Status, answer)
	}
	return nil
}
