// SPDX-License-Identifier: Apache-2.0

// Cache-rebuild shows pages to users; a list of ids in its configuration says who sees what is new. For
// each request of the busiest page it makes a map of all of them. With a hundred ids nobody noticed;
// an operator uploads 230,000.
//
//	cache-rebuild serve
//	cache-rebuild load ADDRESS fast|slow
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"example.com/five/internal/drive"
)

func main() {
	switch os.Args[1] {
	case "serve":
		serve()
	case "load":
		load(os.Args[2], os.Args[3])
	}
}

type config struct {
	IDs []string `json:"ids"`
}

type site struct {
	config atomic.Pointer[config]
	page   []byte
}

func (s *site) upload(w http.ResponseWriter, r *http.Request) {
	var next config
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&next); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.config.Store(&next)
	fmt.Fprintln(w, len(next.IDs))
}

// allowed is who sees what is new.
func (s *site) allowed() map[string]bool {
	set := make(map[string]bool)
	for _, id := range s.config.Load().IDs {
		set[id] = true // guilty
	}
	return set
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	allowed := s.allowed()
	time.Sleep(30 * time.Millisecond) // the database
	if allowed[r.URL.Query().Get("user")] {
		w.Write([]byte("new\n"))
	}
	w.Write(s.page)
}

func serve() {
	s := &site{page: make([]byte, 4096)}
	s.config.Store(&config{IDs: ids(100)})
	http.HandleFunc("/upload", s.upload)
	http.HandleFunc("/", s.home)
	go http.Serve(drive.Listen(), nil)
	drive.Wait()
}

func ids(count int) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = strconv.Itoa(100000000 + i*37)
	}
	return list
}

// load visits the page; after three seconds of calm the operator uploads.
func load(address, speed string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	workers, pause := 100, 10*time.Millisecond
	if speed == "slow" {
		workers, pause = 16, 50*time.Millisecond
	}
	go func() {
		time.Sleep(3 * time.Second)
		body, err := json.Marshal(config{IDs: ids(230000)})
		if err != nil {
			log.Fatal(err)
		}
		response, err := client.Post("http://"+address+"/upload", "application/json",
			strings.NewReader(string(body)))
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			fmt.Println("uploaded")
		}
	}()
	drive.Every(workers, pause, func() error {
		return drive.Get(client, "http://"+address+"/?user=7")
	})
}
