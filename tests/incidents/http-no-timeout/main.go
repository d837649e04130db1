// SPDX-License-Identifier: Apache-2.0

// Http-no-timeout asks a peer that has stopped to answer, without a deadline.
package main

import (
	"net"
	"net/http"

	"example.com/incidents/internal/lab"
)

func serve(listener net.Listener) {
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {}
	}))
}

func main() {
	url := "http://" + lab.Peer(serve)
	lab.Fill(10)
	lab.Run(100, func(int) { go ask(url) })
}

func ask(url string) error {
	response, err := http.Get(url) // guilty
	if err != nil {
		return err
	}
	return response.Body.Close()
}
