// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// kept holds everything that stays alive; what is made and not kept is garbage on purpose.
var kept []any

func keep(value any) {
	kept = append(kept, value)
}

var keptMu sync.Mutex

// keepLocked is keep for goroutines other than the main one, after the main one is done with it.
func keepLocked(value any) {
	keptMu.Lock()
	defer keptMu.Unlock()
	keep(value)
}

func allocateEverything() {
	allocateSizes()
	allocateStacks()
	allocateShapes()
	allocateMaps()
	allocateGarbage()
}

// allocateSizes fills many size classes, and spans of their own, from one site in a loop.
func allocateSizes() {
	for _, size := range []int{1, 8, 16, 24, 48, 100, 512, 513, 1024, 4000, 32 << 10, 32<<10 + 1} {
		for i := 0; i < 20; i++ {
			keep(make([]byte, size))
		}
	}
	for _, mib := range []int{1, 2, 5, 9} {
		keep(touched(mib << 20))
	}
	keep(make([]*int, 100_000))
}

// allocateStacks makes the same few sites reachable by many ways.
func allocateStacks() {
	for _, depth := range []int{1, 2, 5, 31, 32, 33, 40, 64, 65, 100, 127, 128, 129, 200} {
		keep(descend(depth, func() any { return make([]byte, 64+depth) }))
	}
	keep(ping(50))
	for path := 0; path < 256; path++ {
		keep(turn(path, 8))
	}
}

//go:noinline
func descend(depth int, leaf func() any) any {
	if depth <= 1 {
		return leaf()
	}
	return descend(depth-1, leaf)
}

//go:noinline
func ping(depth int) *[3]int64 {
	if depth == 0 {
		return new([3]int64)
	}
	return pong(depth - 1)
}

//go:noinline
func pong(depth int) *[3]int64 {
	return ping(depth)
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

// Three small functions that the compiler inlines into each other.
func newNode(next *node) *node             { return &node{next: next} }
func pushNode(list *node) *node            { return newNode(list) }
func pushTwoNodes(list *node) *node        { return pushNode(pushNode(list)) }
func pair[A, B any](a A, b B) *tuple[A, B] { return &tuple[A, B]{a, b} }

type tuple[A, B any] struct {
	first  A
	second B
}

type stack[T any] struct{ items []T }

//go:noinline
func (s *stack[T]) push(item T) { s.items = append(s.items, item) }

//go:noinline
func mapSlice[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}

type base struct{ blocks [][]byte }

//go:noinline
func (b *base) Grow(size int) { b.blocks = append(b.blocks, make([]byte, size)) }

// middle and outer get Grow by embedding: calls through the interface go through wrappers.
type middle struct{ *base }
type outer struct{ middle }

type grower interface{ Grow(size int) }

type byValue struct{ sink *[]*int64 }

func (v byValue) Grow(size int) { *v.sink = append(*v.sink, new(int64)) }

func allocateShapes() {
	var list *node
	for i := 0; i < 500; i++ {
		list = pushTwoNodes(list)
	}
	keep(list)

	keep(pair(1, "one"))
	keep(pair([4]int64{}, []string{"a"}))
	ints, texts := &stack[int]{}, &stack[string]{}
	for i := 0; i < 1000; i++ {
		ints.push(i)
		texts.push(fmt.Sprint("text ", i))
	}
	keep(ints)
	keep(texts)
	keep(mapSlice(ints.items, func(i int) *int { return &i }))

	growers := []grower{outer{middle{&base{}}}, &outer{middle{&base{}}}, &byValue{new([]*int64)}}
	for i, g := range growers {
		for turn := 0; turn < 30; turn++ {
			g.Grow(100 * (i + 1))
		}
	}
	keep(growers)
	method := growers[0].Grow // a method value: a closure of its own
	method(4096)

	keep(closures(40))
	keep(deferred())
	keep(strings.Repeat("long text ", 2000))
	keep(bytes.NewBufferString(strings.Repeat("x", 70_000)))
	sorted := mapSlice(texts.items, strings.ToUpper)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] > sorted[j] })
	keep(sorted)
}

func closures(count int) []func() *[5]int64 {
	made := make([]func() *[5]int64, count)
	for i := range made {
		state := new([5]int64)
		made[i] = func() *[5]int64 {
			state[0] += int64(i)
			return func() *[5]int64 { copied := *state; return &copied }()
		}
		keep(made[i]())
	}
	return made
}

func deferred() (result []byte) {
	defer func() {
		if recover() != nil {
			result = make([]byte, 12_345)
		}
	}()
	panic("to allocate below a panic")
}

type key struct {
	name string
	id   int32
}

func allocateMaps() {
	byID := map[int]*node{}
	byKey := map[key][]byte{}
	for i := 0; i < 3000; i++ {
		byID[i] = &node{}
		byKey[key{fmt.Sprint(i), int32(i)}] = make([]byte, i%200)
	}
	keep(byID)
	keep(byKey)
	keep(map[string]int{"small": 1})
	keep(make(map[int64]int64, 10_000))
}

// allocateGarbage leaves sites with more allocated than in use, and some with nothing in use.
func allocateGarbage() {
	for i := 0; i < 2000; i++ {
		block := make([]byte, 700)
		if i%10 == 0 {
			keep(block)
		}
	}
	for i := 0; i < 500; i++ {
		sink = fmt.Sprintf("garbage %d", i)
	}
	sink = nil
}

var sink any
