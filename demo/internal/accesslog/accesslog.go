// SPDX-License-Identifier: Apache-2.0

// Package accesslog writes one JSON line for each request: who asked for what, the status, how long
// it took, and the beginning of the response body, which has helped in many a support case.
package accesslog

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// maxLoggedBody is how much of a response body goes into its log line.
const maxLoggedBody = 1024

type entry struct {
	Time       time.Time `json:"time"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Status     int       `json:"status"`
	DurationMS int64     `json:"duration_ms"`
	BodyBytes  int       `json:"body_bytes"`
	Body       string    `json:"body"`
}

// Logger writes log lines to one writer; its methods may be called from many goroutines.
type Logger struct {
	mu  sync.Mutex
	out *json.Encoder
}

func New(w io.Writer) *Logger {
	return &Logger{out: json.NewEncoder(w)}
}

// Middleware logs each request once its handler is done.
func (l *Logger) Middleware() gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		recorder := newBodyRecorder(c.Writer)
		c.Writer = recorder
		c.Next()
		l.log(entry{
			Time:       start,
			Method:     c.Request.Method,
			Path:       c.Request.URL.Path,
			Status:     recorder.Status(),
			DurationMS: time.Since(start).Milliseconds(),
			BodyBytes:  recorder.body.Len(),
			Body:       firstBytes(recorder.body.Bytes(), maxLoggedBody),
		})
	}
}

func (l *Logger) log(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.out.Encode(e) // a full disk must not fail the request
}

func firstBytes(b []byte, limit int) string {
	if len(b) > limit {
		b = b[:limit]
	}
	return string(b)
}
