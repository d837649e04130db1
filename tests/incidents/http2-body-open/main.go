// SPDX-License-Identifier: Apache-2.0

// Http2-body-open looks at the status of a stream of events, and forgets the stream. With HTTP/2 they
// share connections, so that no sockets tell of it.
package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"

	"example.com/incidents/internal/lab"
)

func serve(listener net.Listener) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(events))
	server.Listener.Close()
	server.Listener = listener
	server.EnableHTTP2 = true
	server.StartTLS()
	select {}
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Write(bytes.Repeat([]byte("data: hello\n\n"), 1000))
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func main() {
	url := "https://" + lab.Peer(serve)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	lab.Fill(10)
	lab.Run(250, func(int) { check(client, url) })
}

func check(client *http.Client, url string) bool {
	response, err := client.Get(url) // guilty
	return err == nil && response.StatusCode == http.StatusOK
}
