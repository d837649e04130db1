// SPDX-License-Identifier: Apache-2.0

// Idle-connections has clients that come and never go: each connection costs its buffers.
package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"example.com/incidents/internal/lab"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	mux.HandleFunc("/socket", socket)
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	config := server.TLS.Clone()
	server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "tls" {
		listener = tls.NewListener(listener, config)
	}
	clients, err := net.Dial("tcp", lab.Peer(drive))
	if err != nil {
		panic(err)
	}
	lab.Fill(10)
	lab.Ready()
	clients.Write([]byte(os.Args[1] + " " + listener.Addr().String() + "\n"))
	if os.Args[1] == "grpc" {
		rpc := grpc.NewServer()
		grpc_health_v1.RegisterHealthServer(rpc, health.NewServer())
		rpc.Serve(listener) // guilty
	}
	http.Serve(listener, mux) // guilty
}

var upgrader = websocket.Upgrader{ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10}

func socket(w http.ResponseWriter, r *http.Request) {
	connection, err := upgrader.Upgrade(w, r, nil) // guilty
	if err != nil {
		return
	}
	defer connection.Close()
	for {
		kind, message, err := connection.ReadMessage() // guilty
		if err != nil || connection.WriteMessage(kind, message) != nil {
			return
		}
	}
}
