// SPDX-License-Identifier: Apache-2.0

// Not-the-library has a trouble of its own in the midst of what libraries do: under a middleware,
// behind a query, while connections become more. None of these is to blame.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"example.com/incidents/internal/lab"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	driver, err := net.Dial("tcp", lab.Peer(drive))
	if err != nil {
		panic(err)
	}
	lab.Fill(10)
	way := os.Args[1]
	go map[string]func(net.Listener){"middleware": middleware, "grpc": overRPC,
		"uploads": uploads, "rows": nothing, "json": nothing}[way](listener)
	lab.Ready()
	fmt.Fprintln(driver, way, listener.Addr())
	switch way {
	case "rows":
		repeat(30000, loadUser)
	case "json":
		repeat(30000, loadDocument)
	}
	select {}
}

func nothing(net.Listener) {}

func repeat(perSecond int, step func(int)) {
	for i := 0; ; i++ {
		step(i)
		if i%(perSecond/50) == 0 {
			time.Sleep(time.Second / 50)
		}
	}
}

// A handler keeps what it should not, below the middleware of a library for metrics; and more and
// more clients keep their connections open, as they may.
func middleware(listener net.Listener) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "seconds"},
		[]string{"code"})
	http.Serve(listener, promhttp.InstrumentHandlerDuration(seconds, http.HandlerFunc(remember)))
}

type session struct {
	data [12 << 10]byte
}

var sessions = map[string]*session{}

func remember(w http.ResponseWriter, r *http.Request) {
	lock <- true
	for i := 0; i < 8; i++ {
		put(fmt.Sprint(r.RemoteAddr, i))
	}
	<-lock
}

var lock = make(chan bool, 1)

// A session is written to: memory that is only allocated is none.
func put(key string) {
	kept := new(session) // guilty
	for i := range kept.data {
		kept.data[i] = byte(i)
	}
	sessions[key] = kept // guilty
}

type keeper struct {
	grpc_health_v1.UnimplementedHealthServer
}

func (keeper) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (
	*grpc_health_v1.HealthCheckResponse, error) {
	lock <- true
	defer func() { <-lock }()
	for i := 0; i < 20; i++ {
		put(fmt.Sprint(len(sessions)))
	}
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func overRPC(listener net.Listener) {
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, keeper{})
	server.Serve(listener)
}

// Many upload at once, and slowly. Each has a decoder, which is closed when it is done.
func uploads(listener net.Listener) {
	http.Serve(listener, http.HandlerFunc(unpack))
}

func unpack(w http.ResponseWriter, r *http.Request) {
	decoder, err := zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(4))
	if err != nil {
		return
	}
	defer decoder.Close()
	io.Copy(io.Discard, decoder)
}

var users = map[int]string{}

// A cache of rows without a bound.
func loadUser(id int) {
	var name string
	if database.QueryRow("select name from users").Scan(&name) == nil { // guilty
		users[id] = name // guilty
	}
}

type document struct {
	ID   int      `json:"id"`
	Tags []string `json:"tags"`
}

var documents = map[int]*document{}

// Likewise, of small documents.
func loadDocument(id int) {
	found := new(document)
	if json.Unmarshal([]byte(`{"id": 1, "tags": ["red", "green", "blue"]}`), found) == nil { // guilty
		documents[id] = found // guilty
	}
}

// A driver of a database as simple as can be.
type simple struct{}

func (simple) Open(string) (driver.Conn, error)           { return simple{}, nil }
func (simple) Prepare(string) (driver.Stmt, error)        { return simple{}, nil }
func (simple) Close() error                               { return nil }
func (simple) Begin() (driver.Tx, error)                  { return nil, io.EOF }
func (simple) NumInput() int                              { return 0 }
func (simple) Exec([]driver.Value) (driver.Result, error) { return nil, io.EOF }
func (simple) Query([]driver.Value) (driver.Rows, error)  { return simple{}, nil }
func (simple) Columns() []string                          { return []string{"name"} }

var name = bytes.Repeat([]byte("a name and an address. "), 20)

func (simple) Next(row []driver.Value) error { row[0] = name; return nil }

var database = func() *sql.DB {
	sql.Register("simple", simple{})
	opened, _ := sql.Open("simple", "")
	return opened
}()
