// SPDX-License-Identifier: Apache-2.0

// Http2-buffers has handlers that wait for their turn before they read what clients upload. Until
// then it is in the buffers of HTTP/2, up to a MiB for each connection.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"example.com/incidents/internal/lab"
)

var turns = make(chan bool, 1)

func upload(w http.ResponseWriter, r *http.Request) {
	turns <- true // guilty
	defer func() { <-turns }()
	time.Sleep(time.Minute)
	io.Copy(io.Discard, r.Body)
}

func main() {
	server := httptest.NewUnstartedServer(http.HandlerFunc(upload))
	server.EnableHTTP2 = true
	clients, err := net.Dial("tcp", lab.Peer(drive))
	if err != nil {
		panic(err)
	}
	lab.Fill(10)
	lab.Ready()
	server.StartTLS()
	fmt.Fprintln(clients, server.URL)
	select {}
}

type endless struct{}

func (endless) Read(data []byte) (int, error) { return len(data), nil }

// Drive is told where to upload; each time with a connection of its own.
func drive(listener net.Listener) {
	orders, err := listener.Accept()
	if err != nil {
		return
	}
	var url string
	fmt.Fscanln(orders, &url)
	for range time.Tick(50 * time.Millisecond) {
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		go client.Post(url, "application/octet-stream", endless{})
	}
}
