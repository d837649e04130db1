// SPDX-License-Identifier: Apache-2.0

// Dump-bodies has a middleware that dumps each request for the log, and the log is behind.
package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"

	"example.com/incidents/internal/lab"
)

type logging struct{ lines [][]byte }

func main() {
	lab.Fill(10)
	handler := &logging{}
	lab.Run(20, func(int) {
		request := httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, 512<<10)))
		handler.ServeHTTP(httptest.NewRecorder(), request)
	})
}

func (l *logging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line, err := httputil.DumpRequest(r, true) // guilty
	if err == nil {
		l.lines = append(l.lines, line)
	}
}
