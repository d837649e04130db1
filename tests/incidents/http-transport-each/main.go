// SPDX-License-Identifier: Apache-2.0

// Http-transport-each makes a client with a transport of its own for each call. The bodies are read
// and closed, but each transport keeps its idle connection.
package main

import (
	"io"
	"net/http"
	"net/http/httptest"

	"example.com/incidents/internal/lab"
)

var store = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Write(make([]byte, 512))
}))

func main() {
	lab.Fill(10)
	lab.Run(150, func(int) { fetch(store.URL) })
}

func fetch(url string) error {
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Get(url) // guilty
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
