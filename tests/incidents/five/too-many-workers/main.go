// SPDX-License-Identifier: Apache-2.0

// Too-many-workers is a full text search engine of riot's shape: segmenters, each a goroutine, hand the
// words of documents on to indexers, each with a shard of its own. Their default counts suit a large
// machine, and each has buffers.
//
//	too-many-workers serve [-segmenters N] [-shards N]
//	too-many-workers load ADDRESS fast|slow
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-ego/gse"

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

type options struct {
	segmenters, shards int
	queue              int
	scratch            int // bytes that a segmenter works in
}

// They suit a machine with many cores and much memory.
var defaults = options{segmenters: 512, shards: 64, queue: 1000, scratch: 1 << 20}

type document struct {
	id   uint64
	text string
}

type posting struct {
	word string
	id   uint64
	at   []int
}

type engine struct {
	options   options
	segmenter gse.Segmenter
	documents chan document
	postings  []chan posting
	shards    []map[string][]posting
	locks     []sync.Mutex
}

func (e *engine) init(o options) {
	e.options = o
	if err := e.segmenter.LoadDictEmbed("zh_s"); err != nil {
		log.Fatal(err)
	}
	e.documents = make(chan document, o.queue)
	e.locks = make([]sync.Mutex, o.shards)
	for shard := 0; shard < o.shards; shard++ {
		e.postings = append(e.postings, make(chan posting, o.queue))
		e.shards = append(e.shards, map[string][]posting{})
		go e.indexerWorker(shard)
	}
	for i := 0; i < o.segmenters; i++ {
		go e.segmenterWorker() // guilty: who starts so many
	}
}

// A segmenter works in memory of its own: what was cut, and where the words are.
func (e *engine) segmenterWorker() {
	cut := make([]byte, 0, e.options.scratch) // guilty
	for d := range e.documents {
		places := map[string][]int{}
		for at, word := range e.segmenter.Cut(d.text, true) { // guilty: what is cut
			cut = append(cut[:min(len(cut), cap(cut)-len(word))], word...)
			places[word] = append(places[word], at)
		}
		for word, at := range places {
			e.postings[int(word[0])%len(e.postings)] <- posting{word, d.id, at}
		}
	}
}

func (e *engine) indexerWorker(shard int) {
	for p := range e.postings[shard] {
		e.locks[shard].Lock()
		if list := e.shards[shard][p.word]; len(list) < 64 {
			e.shards[shard][p.word] = append(list, p)
		}
		e.locks[shard].Unlock()
	}
}

func serve(arguments []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	o := defaults
	flags.IntVar(&o.segmenters, "segmenters", o.segmenters, "")
	flags.IntVar(&o.shards, "shards", o.shards, "")
	flags.Parse(arguments)
	var e engine
	e.init(o)
	go http.Serve(drive.Listen(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			e.documents <- document{uint64(time.Now().UnixNano()), string(text)}
		}
	}))
	drive.Wait()
}

func load(address, speed string) {
	article := strings.Repeat("内存持续上涨却找不到泄漏点,容器被内核杀掉,博客又重启了。", 200)
	client := &http.Client{}
	workers, pause := 16, time.Duration(0)
	if speed == "slow" {
		workers, pause = 2, 50*time.Millisecond
	}
	drive.Every(workers, pause, func() error {
		text := fmt.Sprintf("%d %s", time.Now().UnixNano(), article)
		response, err := client.Post("http://"+address+"/", "text/plain", strings.NewReader(text))
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
}
