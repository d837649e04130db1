// SPDX-License-Identifier: Apache-2.0

// Http-body-open asks a store for objects. Where the answer is 403 it gives up, and forgets to
// close the body: its connection waits for ever.
package main

import (
	"errors"
	"net"
	"net/http"

	"example.com/incidents/internal/lab"
)

func serve(listener net.Listener) {
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.(http.Flusher).Flush()
		w.Write(make([]byte, 512))
	}))
}

func main() {
	url := "http://" + lab.Peer(serve)
	lab.Fill(10)
	lab.Run(150, func(int) { fetch(url) })
}

func fetch(url string) error {
	response, err := http.Get(url) // guilty
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return response.Body.Close()
}
