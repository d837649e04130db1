// SPDX-License-Identifier: Apache-2.0

// Http-no-timeout asks a peer that has stopped to answer, without a deadline.
package main

import (
	"net/http"
	"net/http/httptest"

	"example.com/incidents/internal/lab"
)

var peer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	select {}
}))

func main() {
	lab.Fill(10)
	lab.Run(100, func(int) { go ask(peer.URL) })
}

func ask(url string) error {
	response, err := http.Get(url) // guilty
	if err != nil {
		return err
	}
	return response.Body.Close()
}
