// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"net"
)

// One connection, many calls, some hundred streams that are open by design and others that end.
func grpcShared() func(int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	connection, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		panic(err)
	}
	client := grpc_health_v1.NewHealthClient(connection)
	request := &grpc_health_v1.HealthCheckRequest{}
	for i := 0; i < 300; i++ {
		if stream, err := client.Watch(context.Background(), request); err == nil {
			stream.Recv()
		}
	}
	return func(int) {
		client.Check(context.Background(), request)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if stream, err := client.Watch(ctx, request); err == nil {
			stream.Recv()
		}
	}
}

func socketsThatStay() func(int) {
	upgrader := websocket.Upgrader{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r, nil)
		for err == nil {
			var kind int
			var message []byte
			if kind, message, err = socket.ReadMessage(); err == nil {
				err = socket.WriteMessage(kind, message)
			}
		}
	}))
	var sockets []*websocket.Conn
	for i := 0; i < 400; i++ {
		socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			panic(err)
		}
		sockets = append(sockets, socket)
	}
	return func(i int) {
		socket := sockets[i%len(sockets)]
		socket.WriteMessage(websocket.TextMessage, []byte("hello"))
		socket.ReadMessage()
	}
}

// One config; each request makes a connection, so certificates are parsed each time.
func tlsShared() func(int) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "ok")
	}))
	client := server.Client()
	transport := client.Transport.(*http.Transport)
	transport.DisableKeepAlives = true
	transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(100)
	return func(i int) {
		if i%4 > 0 {
			return
		}
		if response, err := client.Get(server.URL); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
}

// At the start a large table was read, and written out; now there are small requests.
func exportThatIsOver() func(int) {
	rows := make([][]string, 0)
	for i := 0; i < 200000; i++ {
		rows = append(rows, []string{strings.Repeat("x", 100), strings.Repeat("y", 100)})
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(row[0][:1])
	}
	rows = nil
	return func(int) { _ = make([]byte, 1000+out.Len()%2) }
}
