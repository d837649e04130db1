// SPDX-License-Identifier: Apache-2.0

// Http-transport-each makes a client with a transport of its own for each call. The bodies are read
// and closed, but each transport keeps its idle connection.
package main

import (
	"io"
	"net"
	"net/http"

	"example.com/incidents/internal/lab"
)

func serve(listener net.Listener) {
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 512))
	}))
}

func main() {
	url := "http://" + lab.Peer(serve)
	lab.Fill(10)
	lab.Run(150, func(int) { fetch(url) })
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
