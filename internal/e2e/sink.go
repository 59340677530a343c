// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the Collector's exporters send by default
)

// maxMessage is the largest request that a Sink takes, in bytes.
const maxMessage = 64 << 20

// Sink is an OTLP backend: a real gRPC server and a real HTTP server on
// loopback that keep everything they are sent. Safe for concurrent use.
type Sink struct {
	GRPC string // host:port of the gRPC server
	HTTP string // host:port of the HTTP server; paths /v1/metrics, /v1/logs, /v1/traces

	mu      sync.Mutex // guards everything below
	metrics pmetric.Metrics
	logs    plog.Logs
	traces  ptrace.Traces
}

// NewSink starts a backend that ends with the test.
func NewSink(tb testing.TB) *Sink {
	tb.Helper()
	s := &Sink{metrics: pmetric.NewMetrics(), logs: plog.NewLogs(), traces: ptrace.NewTraces()}

	listener := listen(tb)
	s.GRPC = listener.Addr().String()
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
	pmetricotlp.RegisterGRPCServer(server, &metricsServer{sink: s})
	plogotlp.RegisterGRPCServer(server, &logsServer{sink: s})
	ptraceotlp.RegisterGRPCServer(server, &tracesServer{sink: s})

	web := listen(tb)
	s.HTTP = web.Addr().String()
	httpServer := &http.Server{Handler: http.HandlerFunc(s.serveHTTP), ReadHeaderTimeout: Patience}

	var loops sync.WaitGroup
	loops.Go(func() { _ = server.Serve(listener) })
	loops.Go(func() { _ = httpServer.Serve(web) })
	tb.Cleanup(func() {
		server.Stop()
		_ = httpServer.Close()
		loops.Wait()
	})
	return s
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen on loopback: %v", err)
	}
	return listener
}

// Metrics is a copy of all metrics received so far.
func (s *Sink) Metrics() pmetric.Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := pmetric.NewMetrics()
	s.metrics.CopyTo(out)
	return out
}

// Logs is a copy of all log records received so far.
func (s *Sink) Logs() plog.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := plog.NewLogs()
	s.logs.CopyTo(out)
	return out
}

// Traces is a copy of all spans received so far.
func (s *Sink) Traces() ptrace.Traces {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := ptrace.NewTraces()
	s.traces.CopyTo(out)
	return out
}

// Points is how many metric points arrived so far.
func (s *Sink) Points() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.metrics.DataPointCount()
}

// Await waits until cond holds on what has arrived, and fails the test after
// Patience. The check runs again whenever p is alive; a process that ends
// fails the test at once.
func (s *Sink) Await(tb testing.TB, p *Process, what string, cond func(s *Sink) bool) {
	tb.Helper()
	p.Await(tb, what, func() bool { return cond(s) })
}

func (s *Sink) addMetrics(md pmetric.Metrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	md.ResourceMetrics().MoveAndAppendTo(s.metrics.ResourceMetrics())
}

func (s *Sink) addLogs(ld plog.Logs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ld.ResourceLogs().MoveAndAppendTo(s.logs.ResourceLogs())
}

func (s *Sink) addTraces(td ptrace.Traces) {
	s.mu.Lock()
	defer s.mu.Unlock()
	td.ResourceSpans().MoveAndAppendTo(s.traces.ResourceSpans())
}

type metricsServer struct {
	pmetricotlp.UnimplementedGRPCServer
	sink *Sink
}

func (m *metricsServer) Export(_ context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	m.sink.addMetrics(req.Metrics())
	return pmetricotlp.NewExportResponse(), nil
}

type logsServer struct {
	plogotlp.UnimplementedGRPCServer
	sink *Sink
}

func (l *logsServer) Export(_ context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	l.sink.addLogs(req.Logs())
	return plogotlp.NewExportResponse(), nil
}

type tracesServer struct {
	ptraceotlp.UnimplementedGRPCServer
	sink *Sink
}

func (t *tracesServer) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	t.sink.addTraces(req.Traces())
	return ptraceotlp.NewExportResponse(), nil
}

// otlpRequest is what the three signals' requests have in common.
type otlpRequest interface {
	UnmarshalProto(data []byte) error
	UnmarshalJSON(data []byte) error
}

func (s *Sink) serveHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.URL.Path {
	case "/v1/metrics":
		req := pmetricotlp.NewExportRequest()
		if err = decode(r, req); err == nil {
			s.addMetrics(req.Metrics())
		}
	case "/v1/logs":
		req := plogotlp.NewExportRequest()
		if err = decode(r, req); err == nil {
			s.addLogs(req.Logs())
		}
	case "/v1/traces":
		req := ptraceotlp.NewExportRequest()
		if err = decode(r, req); err == nil {
			s.addTraces(req.Traces())
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// An empty message is a valid answer in both encodings' clients.
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func decode(r *http.Request, into otlpRequest) error {
	body := io.LimitReader(r.Body, maxMessage)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unzipped
	default:
		return errors.New("cannot decode " + encoding)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return into.UnmarshalJSON(data)
	}
	return into.UnmarshalProto(data)
}

// soon bounds one request to a local process.
func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 10*time.Second)
}
