// SPDX-License-Identifier: Apache-2.0

// Response-dump exports files with gin. A middleware keeps a copy of every answer for the access log,
// so that a download of 2.6 GB is held in a buffer that doubles.
//
//	response-dump serve [-mib N]
//	response-dump load ADDRESS fast|slow
package main

import (
	"bytes"
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"

	"github.com/gin-gonic/gin"

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

// bodyLog keeps what is written.
type bodyLog struct {
	gin.ResponseWriter
	body bytes.Buffer
}

func (w *bodyLog) Write(data []byte) (int, error) {
	w.body.Write(data) // guilty
	return w.ResponseWriter.Write(data)
}

func accessLog() gin.HandlerFunc {
	access := log.New(os.Stderr, "", log.LstdFlags)
	return func(c *gin.Context) {
		kept := &bodyLog{ResponseWriter: c.Writer}
		c.Writer = kept
		c.Next()
		begin := kept.body.Bytes()
		access.Printf("%s %d %q", c.Request.URL.Path, c.Writer.Status(), begin[:min(len(begin), 64)])
	}
}

func export(path string) gin.HandlerFunc {
	return func(c *gin.Context) { c.File(path) }
}

func serve(arguments []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	mib := flags.Int64("mib", 2600, "size of the file")
	flags.Parse(arguments)
	file, err := os.CreateTemp("", "export-*.csv")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	if err := file.Truncate(*mib << 20); err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(accessLog())
	engine.GET("/export", export(file.Name()))
	go http.Serve(drive.Listen(), engine)
	drive.Wait()
}

func load(address, speed string) {
	client := &http.Client{}
	if speed == "slow" { // many that read slowly
		drive.Every(20, time.Second, func() error { return trickle(client, "http://"+address+"/export") })
		return
	}
	drive.Every(1, time.Second, func() error { return drive.Get(client, "http://"+address+"/export") })
}

func trickle(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	buffer := make([]byte, 256<<10)
	for {
		if _, err := response.Body.Read(buffer); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
