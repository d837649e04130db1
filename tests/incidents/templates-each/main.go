// SPDX-License-Identifier: Apache-2.0

// Templates-each keeps a template for each shop: one function parses it, another one escapes it when
// it is used first, and neither has half of it.
package main

import (
	"fmt"
	"html/template"
	"io"

	"example.com/incidents/internal/lab"
)

const page = `<title>{{.Title}}</title>{{if .Sale}}<b>{{.Sale}}</b>{{else}}<i>none</i>{{end}}
<table>{{range .Rows}}<tr><td>{{.}}</td></tr>{{end}}</table>`

type data struct {
	Title, Sale string
	Rows        []int
}

type engine struct{ parsed map[string]*template.Template }

func main() {
	lab.Fill(10)
	e := &engine{parsed: map[string]*template.Template{}}
	lab.Run(700, func(i int) { e.render(fmt.Sprint("shop-", i)) })
}

//go:noinline
func (e *engine) render(name string) {
	e.lookup(name).Execute(io.Discard, data{Title: name})
}

//go:noinline
func (e *engine) lookup(name string) *template.Template {
	if t, ok := e.parsed[name]; ok {
		return t
	}
	t := template.Must(template.New(name).Parse(page))
	e.parsed[name] = t
	return t
}
