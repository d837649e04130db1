// SPDX-License-Identifier: Apache-2.0

// Holmes inside the eater, as its users link it: bench/kills builds this file together with
// tests/targets/eater. Its own settings are those of its documentation; the limit is told to it,
// since it looks for that of a container.
package main

import (
	"os"
	"strconv"
	"time"

	"mosn.io/holmes"
	"mosn.io/pkg/log"
)

func init() {
	folder := os.Getenv("HOLMES_DUMP")
	if folder == "" {
		return
	}
	limit, err := strconv.ParseUint(os.Getenv("HOLMES_LIMIT"), 10, 64)
	if err != nil {
		panic(err)
	}
	options := []holmes.Option{
		holmes.WithDumpPath(folder),
		holmes.WithLogger(holmes.NewFileLog(folder+"/holmes.log", log.INFO)),
		holmes.WithMemoryLimit(limit),
		holmes.WithMemDump(30, 25, 80, time.Minute),
		holmes.WithGCHeapDump(10, 20, 40, time.Minute),
		holmes.WithBinaryDump(),
	}
	if interval := os.Getenv("HOLMES_INTERVAL"); interval != "" {
		options = append(options, holmes.WithCollectInterval(interval))
	}
	h, err := holmes.New(options...)
	if err != nil {
		panic(err)
	}
	h.EnableMemDump().EnableGCHeapDump().Start()
}
