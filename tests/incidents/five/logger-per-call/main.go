// SPDX-License-Identifier: Apache-2.0

// Logger-per-call pushes messages and logs each. A pusher is made for each call, and in it a
// lumberjack.Logger, whose goroutine never ends and whose file stays open.
//
//	logger-per-call serve [-share nothing|writer|pusher]
//	logger-per-call load ADDRESS fast|slow
package main

import (
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"example.com/five/internal/drive"
)

func main() {
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2:])
	case "load":
		load(os.Args[2], os.Args[3])
	}
}

type pusher struct {
	log *log.Logger
}

func newWriter(path string) *lumberjack.Logger {
	return &lumberjack.Logger{Filename: path, MaxSize: 500, MaxBackups: 3, MaxAge: 7}
}

func newPusher(writer *lumberjack.Logger) *pusher {
	return &pusher{log: log.New(writer, "", log.LstdFlags)}
}

func (p *pusher) push(message string) {
	p.log.Print(message) // guilty
}

func serve(arguments []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	share := flags.String("share", "nothing", "nothing, writer or pusher")
	folder := flags.String("logs", ".", "where the log is")
	flags.Parse(arguments)
	path := filepath.Join(*folder, "push.log")
	writer := newWriter(path)
	shared := newPusher(writer)
	message := strings.Repeat("order paid, the user is told; ", 20)
	http.HandleFunc("/push", func(w http.ResponseWriter, r *http.Request) {
		switch *share {
		case "pusher":
			shared.push(message)
		case "writer":
			newPusher(writer).push(message)
		default:
			newPusher(newWriter(path)).push(message)
		}
	})
	go http.Serve(drive.Listen(), nil)
	drive.Wait()
}

func load(address, speed string) {
	client := &http.Client{}
	workers, pause := 4, time.Duration(0)
	if speed == "slow" {
		workers, pause = 2, 2*time.Millisecond
	}
	drive.Every(workers, pause, func() error { return drive.Get(client, "http://"+address+"/push") })
}
