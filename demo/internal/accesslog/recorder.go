// SPDX-License-Identifier: Apache-2.0

package accesslog

import (
	"bytes"

	"github.com/gin-gonic/gin"
)

// bodyRecorder passes a response on to the client and remembers its body for the log.
type bodyRecorder struct {
	gin.ResponseWriter
	body *bytes.Buffer
}

func newBodyRecorder(w gin.ResponseWriter) *bodyRecorder {
	return &bodyRecorder{ResponseWriter: w, body: &bytes.Buffer{}}
}

func (r *bodyRecorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (r *bodyRecorder) WriteString(s string) (int, error) {
	r.body.WriteString(s)
	return r.ResponseWriter.WriteString(s)
}
