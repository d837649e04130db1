// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

// kept holds everything that stays alive; what is made and not kept is garbage on purpose.
var kept []interface{}

func keep(value interface{}) {
	kept = append(kept, value)
}

func allocateEverything() {
	for _, size := range []int{1, 8, 16, 24, 48, 100, 512, 513, 1024, 4000, 32 << 10, 32<<10 + 1} {
		for i := 0; i < 20; i++ {
			keep(make([]byte, size))
		}
	}
	for _, mib := range []int{1, 2, 5, 9} {
		keep(touched(mib << 20))
	}
	allocateStacks()
	allocateShapes()
	allocateMaps()
	for i := 0; i < 2000; i++ {
		block := make([]byte, 700)
		if i%10 == 0 {
			keep(block)
		}
		sink = fmt.Sprintf("garbage %d", i)
	}
	sink = nil
}

var sink interface{}

//go:noinline
func touched(bytes int) []byte {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block
}

// allocateStacks makes the same few sites reachable by many ways.
func allocateStacks() {
	for _, depth := range []int{1, 2, 5, 31, 32, 33, 40, 64, 128, 200} {
		size := 64 + depth
		keep(descend(depth, func() interface{} { return make([]byte, size) }))
	}
	for path := 0; path < 256; path++ {
		keep(turn(path, 8))
	}
}

//go:noinline
func descend(depth int, leaf func() interface{}) interface{} {
	if depth <= 1 {
		return leaf()
	}
	return descend(depth-1, leaf)
}

// turn goes left or right by the bits of path: 2^steps different stacks to one allocation.
func turn(path, steps int) []byte {
	if steps == 0 {
		return make([]byte, 320)
	}
	if path&1 == 0 {
		return turnLeft(path>>1, steps-1)
	}
	return turnRight(path>>1, steps-1)
}

//go:noinline
func turnLeft(path, steps int) []byte { return turn(path, steps) }

//go:noinline
func turnRight(path, steps int) []byte { return turn(path, steps) }

type node struct {
	next  *node
	value [2]int64
}

// Three small functions that the compiler inlines into each other, since Go 1.12.
func newNode(next *node) *node      { return &node{next: next} }
func pushNode(list *node) *node     { return newNode(list) }
func pushTwoNodes(list *node) *node { return pushNode(pushNode(list)) }

type base struct{ blocks [][]byte }

//go:noinline
func (b *base) Grow(size int) { b.blocks = append(b.blocks, make([]byte, size)) }

// middle and outer get Grow by embedding: calls through the interface go through wrappers.
type middle struct{ *base }
type outer struct{ middle }

type grower interface{ Grow(size int) }

func allocateShapes() {
	var list *node
	for i := 0; i < 500; i++ {
		list = pushTwoNodes(list)
	}
	keep(list)

	growers := []grower{outer{middle{&base{}}}, &outer{middle{&base{}}}}
	for i, g := range growers {
		for turn := 0; turn < 30; turn++ {
			g.Grow(100 * (i + 1))
		}
	}
	keep(growers)
	method := growers[0].Grow // a method value: a closure of its own
	method(4096)

	var texts []string
	for i := 0; i < 1000; i++ {
		texts = append(texts, strings.ToUpper(fmt.Sprint("text ", i)))
	}
	sort.Slice(texts, func(i, j int) bool { return texts[i] > texts[j] })
	keep(texts)
	keep(deferred())
	keep(bytes.NewBufferString(strings.Repeat("x", 70000)))
}

func deferred() (result []byte) {
	defer func() {
		if recover() != nil {
			result = make([]byte, 12345)
		}
	}()
	panic("to allocate below a panic")
}

func allocateMaps() {
	byID := map[int]*node{}
	byName := map[string][]byte{}
	for i := 0; i < 3000; i++ {
		byID[i] = &node{}
		byName[fmt.Sprint(i)] = make([]byte, i%200)
	}
	keep(byID)
	keep(byName)
	keep(make(map[int64]int64, 10000))
}
