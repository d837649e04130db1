// SPDX-License-Identifier: Apache-2.0

// Cache-loader makes pages in a loader, and keeps them in the map of a cache that never evicts: one
// that calls the loader, or, with the argument "beside", one that the loader's caller fills. With
// "list" and "list-beside" it is a slice instead.
package main

import (
	"bytes"
	"fmt"
	"os"

	"example.com/incidents/internal/lab"
)

type cache struct{ pages map[string][]byte }

var store = cache{pages: map[string][]byte{}}

func main() {
	lab.Fill(10)
	ask := store.get
	if len(os.Args) > 1 {
		ask = map[string]func(string){
			"beside": serve, "list": log.remember, "list-beside": serveAndLog}[os.Args[1]]
	}
	lab.Run(4000, func(i int) { ask(fmt.Sprintf("/products/%d", i)) })
}

//go:noinline
func render(url string) []byte {
	return bytes.Repeat([]byte(url), 200) // guilty
}

//go:noinline
func (c *cache) get(url string) {
	if _, ok := c.pages[url]; !ok {
		c.pages[url] = render(url)
	}
}

//go:noinline
func (c *cache) put(url string, page []byte) {
	c.pages[url] = page
}

//go:noinline
func serve(url string) {
	store.put(url, render(url))
}

type history struct{ pages [][]byte }

var log history

//go:noinline
func (h *history) remember(url string) {
	h.pages = append(h.pages, render(url))
}

//go:noinline
func (h *history) put(page []byte) {
	h.pages = append(h.pages, page)
}

//go:noinline
func serveAndLog(url string) {
	log.put(render(url))
}
