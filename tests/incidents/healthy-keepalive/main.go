// SPDX-License-Identifier: Apache-2.0

// Healthy-keepalive has many clients that keep their connections open, as they should.
package main

import (
	"io"
	"net/http"
	"net/http/httptest"

	"example.com/incidents/internal/lab"
)

func main() {
	lab.Fill(20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 100))
	}))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 300}}
	get := func() {
		if response, err := client.Get(server.URL); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	done := make(chan bool)
	for round := 0; round < 10; round++ {
		for i := 0; i < 150; i++ {
			go func() { get(); done <- true }()
		}
		for i := 0; i < 150; i++ {
			<-done
		}
	}
	lab.Run(300, func(int) { get() })
}
