// SPDX-License-Identifier: Apache-2.0

// Unclosed-body fetches objects from a store over TLS. The store answers 403 to some; the body of such
// an answer is never closed, so that its connection stays, with two goroutines and TLS buffers.
//
//	unclosed-body store
//	unclosed-body serve STORE-ADDRESS
//	unclosed-body load ADDRESS fast|slow
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"strings"
	"time"

	"example.com/five/internal/drive"
)

func main() {
	switch os.Args[1] {
	case "store":
		store()
	case "serve":
		serve(os.Args[2])
	case "load":
		load(os.Args[2], os.Args[3])
	}
}

// A store like S3: one object of three may not be read.
func store() {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "0") {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, strings.Repeat("<Error><Code>AccessDenied</Code></Error>\n", 400))
			return
		}
		w.Write(make([]byte, 16<<10))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	fmt.Printf("listening %s\n", server.Listener.Addr())
	drive.Wait()
}

type objects struct {
	client *http.Client
	store  string
	// Buffers of 1 MiB, 64 of them: as many as it ever has.
	buffers chan []byte
}

func newObjects(store string) *objects {
	o := &objects{
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the store's is its own
		}},
		store:   store,
		buffers: make(chan []byte, 64),
	}
	for i := 0; i < cap(o.buffers); i++ {
		buffer := make([]byte, 1<<20)
		for i := 0; i < len(buffer); i += 4096 {
			buffer[i] = 1
		}
		o.buffers <- buffer
	}
	return o
}

func (o *objects) fetch(key string) (int, error) {
	response, err := o.client.Get("https://" + o.store + "/" + key) // guilty
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", key, response.Status)
	}
	defer response.Body.Close()
	buffer := <-o.buffers
	defer func() { o.buffers <- buffer }()
	return io.ReadFull(response.Body, buffer[:16<<10])
}

func serve(store string) {
	o := newObjects(store)
	go http.Serve(drive.Listen(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, err := o.fetch(r.URL.Path[1:])
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, size)
	}))
	drive.Wait()
}

func load(address, speed string) {
	workers, pause := 8, time.Duration(0)
	if speed == "slow" {
		workers, pause = 2, 20*time.Millisecond
	}
	client := &http.Client{}
	drive.Every(workers, pause, func() error {
		key := time.Now().UnixNano() / 1000 % 30 // a third of them end in 0
		return drive.Get(client, fmt.Sprintf("http://%s/object-%d", address, key/10*10+key%3))
	})
}
