// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

var open []any

// Drive is told what clients are to do: many of them come, and none goes.
func drive(listener net.Listener) {
	orders, err := listener.Accept()
	if err != nil {
		return
	}
	var kind, address string
	fmt.Fscanln(orders, &kind, &address)
	for range time.Tick(4 * time.Millisecond) {
		open = append(open, visit(kind, address))
	}
}

func visit(kind, address string) any {
	if kind == "websocket" {
		socket, _, err := websocket.DefaultDialer.Dial("ws://"+address+"/socket", nil)
		if err == nil {
			socket.WriteMessage(websocket.TextMessage, []byte("hello"))
			socket.ReadMessage()
		}
		return socket
	}
	if kind == "grpc" {
		shared, err := grpc.NewClient(address,
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
		if err == nil {
			grpc_health_v1.NewHealthClient(shared).Check(context.Background(),
				&grpc_health_v1.HealthCheckRequest{})
		}
		return shared
	}
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return nil
	}
	if kind == "tls" {
		connection = tls.Client(connection, &tls.Config{InsecureSkipVerify: true})
	}
	fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err == nil {
		response.Body.Close()
	}
	return connection
}
