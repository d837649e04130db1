// SPDX-License-Identifier: Apache-2.0

// Exportd serves reports and one big data export. It is the service of `./dev demo`: it dies at its
// memory limit as soon as somebody downloads the export. Why is in internal/accesslog.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof" // for the profiler; no port is opened for it
	"os"

	"example.com/exportd/internal/accesslog"
	"github.com/gin-gonic/gin"
)

type options struct {
	listen    string
	file      string
	sizeBytes int64
	logPath   string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("exportd: ")
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	flag.StringVar(&o.file, "file", "export.bin", "the export's `path`; made, sparse, if it is not there")
	flag.Int64Var(&o.sizeBytes, "size", 3<<30, "the export's size in `bytes`, when it is made")
	flag.StringVar(&o.logPath, "access-log", "", "`path` of the access log (default: none is written)")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

func run(o options) error {
	if err := ensureExport(o.file, o.sizeBytes); err != nil {
		return err
	}
	accessLog, err := openLog(o.logPath)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	return http.Serve(listener, newRouter(o.file, accesslog.New(accessLog)))
}

// ensureExport makes a sparse file of the given size, unless there is a file already.
func ensureExport(path string, sizeBytes int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Truncate(sizeBytes)
}

func openLog(path string) (*os.File, error) {
	if path == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

func newRouter(exportPath string, accessLog *accesslog.Logger) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), accessLog.Middleware())

	router.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	router.GET("/export", func(c *gin.Context) { c.File(exportPath) })

	reports := newReportStore()
	router.GET("/reports", reports.list)
	router.GET("/reports/:id", reports.get)
	return router
}
