// SPDX-License-Identifier: Apache-2.0

// Keeps puts objects into pools and channels, and says what they take: each is measured by what
// runtime.MemStats says before and after it is made, while nothing else runs.
package main

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"unsafe"

	"example.com/targets/internal/control"
)

// Truth is what whyoom is expected to say; its facts have the same names.
type truth struct {
	Pools    int    `json:"pools"`
	Objects  uint64 `json:"pools.objects"`
	Bytes    uint64 `json:"pools.bytes"`
	Largest  uint64 `json:"pools.largest"`
	Address  uint64 `json:"queue.address"`
	Length   int    `json:"queue.length"`
	Capacity int    `json:"queue.capacity"`
	Waiting  uint64 `json:"queue.bytes"`
	Senders  int    `json:"queue.senders"`
}

var (
	now      truth
	memStats runtime.MemStats
	kept     []any // what lies in no pool
)

func main() {
	runtime.GOMAXPROCS(4)
	commands := map[string]control.Command{
		"pools":    fillPools,
		"collect":  func(string) error { runtime.GC(); return nil },
		"queue":    fillQueue,
		"both":     fillBoth,
		"truth-to": writeTruth,
	}
	control.Serve(commands, nil)
}

func writeTruth(path string) error {
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func fillBoth(string) error {
	if err := fillPools(""); err != nil {
		return err
	}
	return fillQueue("pointers")
}

// alone lets no collection run by itself, and empties the pools of the packages used so far.
func alone() {
	debug.SetGCPercent(-1)
	runtime.GC()
	runtime.GC()
}

func heapBytes() uint64 {
	runtime.ReadMemStats(&memStats)
	return memStats.HeapAlloc
}

// cost is what the heap grows by: the size of the object's class. It allocates twice and keeps the
// latter, as the runtime itself may allocate something meanwhile, now and then.
func cost(allocate func()) uint64 {
	first := heapBytes()
	allocate()
	second := heapBytes()
	allocate()
	third := heapBytes()
	if second-first < third-second {
		return second - first
	}
	return third - second
}

// ---- pools ----

// Detail has pointers and is referred to: it may be shared, so it does not count. Its text does.
type detail struct {
	text string
	more [3]*detail
}

type holder struct {
	buffer         []byte
	detail         *detail
	bytes, largest uint64 // with what it refers to; of one of these
}

var (
	holders = sync.Pool{New: func() any { panic("the pool is empty") }}
	slices  sync.Pool // of values, which an interface makes objects of
	arrays  sync.Pool // without pointers
)

func (h *holder) add(bytes uint64) {
	h.bytes += bytes
	h.largest = larger(h.largest, bytes)
}

func newHolder(size int) (h *holder) {
	own := cost(func() { h = new(holder) })
	h.add(own)
	h.add(cost(func() { h.buffer = make([]byte, size) }))
	h.detail = new(detail)
	h.add(cost(func() { h.detail.text = strings.Repeat("t", 100+size/3) }))
	h.detail.more[0] = &detail{text: strings.Repeat("far", 100)} // three steps away
	return h
}

func larger(left, right uint64) uint64 {
	if left > right {
		return left
	}
	return right
}

func count(bytes, largest uint64) {
	now.Objects++
	now.Bytes += bytes
	now.Largest = larger(now.Largest, largest)
}

// Every processor has a part of each pool.
func putHolders(list []*holder) {
	var group sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		group.Add(1)
		go func(worker int) {
			runtime.LockOSThread()
			defer group.Done()
			for i := worker; i < len(list); i += 4 {
				holders.Put(list[i])
				runtime.Gosched()
			}
		}(worker)
	}
	group.Wait()
	for _, h := range list {
		count(h.bytes, h.largest)
	}
}

func putSlices(number int) {
	for i := 0; i < number; i++ {
		var slice []byte
		var boxed any
		bytes := cost(func() { slice = make([]byte, 1000+i) })
		box := cost(func() { boxed = slice })
		slices.Put(boxed)
		count(bytes+box, bytes)
	}
	// Two of the same array, each by its middle: it counts once.
	var shared []byte
	now.Bytes += cost(func() { shared = make([]byte, 5000) })
	for at := 100; at <= 200; at += 100 {
		var boxed any
		box := cost(func() { boxed = shared[at:] })
		slices.Put(boxed)
		count(box, box)
	}
}

func putArrays(number int) {
	for i := 0; i < number; i++ {
		var array *[3000]byte
		bytes := cost(func() { array = new([3000]byte) })
		arrays.Put(array)
		count(bytes, bytes)
	}
}

// What is put before a collection is in the list of old pools after it, until the next one.
func fillPools(string) error {
	alone()
	now.Pools, now.Objects, now.Bytes, now.Largest = 3, 0, 0, 0
	var first, second []*holder
	for i := 0; i < 300; i++ {
		first = append(first, newHolder(64+i*17))
	}
	for i := 0; i < 200; i++ {
		second = append(second, newHolder(100+i*31))
	}
	second = append(second, newHolder(300<<10))
	putHolders(first)
	putSlices(40)
	runtime.GC()
	putHolders(second)
	putArrays(70)
	for i := 0; i < 20; i++ {
		taken := holders.Get().(*holder)
		kept = append(kept, taken)
		now.Objects--
		now.Bytes -= taken.bytes
	}
	now.Largest = largestLeft(append(first, second...))
	return nil
}

func largestLeft(list []*holder) (largest uint64) {
	taken := map[*holder]bool{}
	for _, one := range kept {
		if h, ok := one.(*holder); ok {
			taken[h] = true
		}
	}
	for _, h := range list {
		if !taken[h] {
			largest = larger(largest, h.largest)
		}
	}
	return largest
}

// ---- channels ----

type note struct {
	text string
	next *note
}

type job struct {
	id      int
	payload []byte
	note    *note
}

// newJob returns what it takes: itself, its payload and text, its note.
func newJob(size int) (made *job, own, texts, notes uint64) {
	own = cost(func() { made = new(job) })
	texts = cost(func() { made.payload = make([]byte, size) })
	notes = cost(func() { made.note = new(note) })
	texts += cost(func() { made.note.text = strings.Repeat("n", size/2) })
	return made, own, texts, notes
}

var (
	pointers chan *job
	structs  chan job
	inlined  chan [16]uint64
	short    chan *job
	done     = make(chan bool)
)

func fillQueue(kind string) error {
	debug.SetGCPercent(-1)
	now.Senders = 0
	map[string]func(){"pointers": queuePointers, "wrapped": queueWrapped, "structs": queueStructs,
		"inlined": queueInlined, "full": queueFull, "long": queueLong, "two": queueTwo,
		"none": queueNone}[kind]()
	return nil
}

func send(queue chan *job, number, size int) {
	for i := 0; i < number; i++ {
		made, own, texts, _ := newJob(size + i%500) // its note is not in the queue itself
		queue <- made
		now.Waiting += own + texts
	}
}

func describe[T any](queue chan T) {
	var element T
	now.Address = uint64(*(*uintptr)(unsafe.Pointer(&queue)))
	now.Length, now.Capacity = len(queue), cap(queue)
	now.Waiting += uint64(len(queue)) * uint64(unsafe.Sizeof(element))
}

func queuePointers() {
	pointers = make(chan *job, 1000)
	send(pointers, 700, 200)
	describe(pointers)
}

// The first ones are taken out again: the rest begins in the middle and ends before it.
func queueWrapped() {
	pointers = make(chan *job, 300)
	send(pointers, 250, 100)
	now.Waiting = 0
	for len(pointers) > 0 {
		kept = append(kept, <-pointers)
	}
	send(pointers, 200, 150)
	describe(pointers)
}

func queueStructs() {
	structs = make(chan job, 2000)
	for i := 0; i < 900; i++ {
		made, _, texts, notes := newJob(64 + i)
		structs <- *made
		now.Waiting += texts + notes
	}
	describe(structs)
}

func queueInlined() {
	inlined = make(chan [16]uint64, 4096)
	for i := 0; i < 3000; i++ {
		inlined <- [16]uint64{uint64(i)}
	}
	describe(inlined)
}

func queueFull() {
	pointers = make(chan *job, 128)
	send(pointers, 128, 1000)
	describe(pointers)
	for i := 0; i < 3; i++ {
		go func() {
			pointers <- new(job)
			<-done
		}()
	}
	for i := 0; i < 1000; i++ {
		runtime.Gosched()
	}
	now.Senders = 1
}

// More than are looked at one by one: all are alike.
func queueLong() {
	pointers = make(chan *job, 150000)
	_, own, texts, _ := newJob(64)
	for i := 0; i < cap(pointers)-1; i++ {
		made := &job{payload: make([]byte, 64), note: new(note)}
		made.note.text = strings.Repeat("n", 32)
		pointers <- made
		now.Waiting += own + texts
	}
	describe(pointers)
}

// The shorter one has more bytes.
func queueTwo() {
	short = make(chan *job, 200)
	pointers = make(chan *job, 2000)
	send(pointers, 1500, 16)
	now.Waiting = 0
	send(short, 150, 20000)
	describe(short)
}

func queueNone() {
	pointers = make(chan *job, 1000)
	for i := 0; i < 63; i++ {
		pointers <- new(job)
	}
}
