// SPDX-License-Identifier: Apache-2.0

// Http-body-open asks a store for objects. Where the answer is 403 it gives up, and forgets to
// close the body: its connection waits for ever.
package main

import (
	"errors"
	"net/http"
	"net/http/httptest"

	"example.com/incidents/internal/lab"
)

var store = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	w.(http.Flusher).Flush()
	w.Write(make([]byte, 512))
}))

func main() {
	lab.Fill(10)
	lab.Run(150, func(int) { fetch(store.URL) })
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
