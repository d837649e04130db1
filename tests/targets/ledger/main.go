// SPDX-License-Identifier: Apache-2.0

// Ledger fills one line of the account of its memory, and then stands still: "ledger MODE N [PATH]",
// with N in MiB or a number of goroutines. It speaks the protocol of internal/control; "memstats" and
// "memstats-to PATH" give what runtime.MemStats says.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"example.com/targets/internal/control"
	"example.com/targets/internal/profiles"
)

const (
	mib          = 1 << 20
	hugeBytes    = 2 * mib
	adviseHuge   = 14 // MADV_HUGEPAGE
	adviseNoHuge = 15
)

var (
	kept    []any
	gate    = make(chan bool)
	waiting sync.WaitGroup
	sink    []byte
	stats   runtime.MemStats
)

var modes = map[string]func(n int){
	"live":      live,
	"blocks":    blocks,
	"young":     young,
	"unswept":   unswept,
	"idle":      idle,
	"lazyfree":  lazyFree,
	"fragments": fragments,
	"stacks":    stacks,
	"deep":      deep,
	"freed":     freedStacks,
	"mmapfile":  mapFile,
	"mmapwrite": mapFileAndWrite,
	"mmapanon":  mapAnonymous,
	"shared":    mapShared,
	"huge":      huge,
	"untouched": untouched,
	"unwritten": unwritten,
	"copying":   copying,
}

func main() {
	mode := modes[os.Args[1]]
	n, err := strconv.Atoi(os.Args[2])
	if mode == nil || err != nil {
		fmt.Fprintln(os.Stderr, "usage: ledger MODE N [PATH]")
		os.Exit(2)
	}
	mode(n)
	control.Serve(map[string]control.Command{
		"memstats":    profiles.TakeMemStats,
		"memstats-to": profiles.WriteMemStats,
	}, nil)
}

// settle collects what is garbage, and lets no collection start from then on.
func settle() {
	debug.SetGCPercent(-1)
	runtime.GC()
	runtime.GC()
	debug.FreeOSMemory()
}

func written(size int) []byte {
	bytes := make([]byte, size)
	for i := 0; i < size; i += 512 {
		bytes[i] = 1
	}
	return bytes
}

type node struct {
	next *node
	text [1000]byte
}

func chain(count int) *node {
	var first *node
	for i := 0; i < count; i++ {
		first = &node{next: first}
		first.text[i%1000] = 1
	}
	return first
}

// live keeps N MiB of small objects.
func live(n int) {
	kept = append(kept, chain(n*1024))
	settle()
}

// young drops what it allocates, but the next collection is far away: GOGC=400. It may start at 70% of
// the way to the goal, which is 2.8 times what is live above that.
func young(n int) {
	debug.SetGCPercent(400)
	kept = append(kept, chain(n*2/5*1024))
	runtime.GC()
	runtime.GC()
	for i := 0; i < n; i++ {
		sink = written(mib)
	}
	sink = nil
}

// unswept drops N MiB, lets a collection find that out, and leaves the sweeper hardly any time: it
// gives way to whoever wants to run.
func unswept(n int) {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(1)
	garbage := chain(n * 1024)
	noPointers := make([][]byte, 0, n*64)
	for i := 0; i < n*64; i++ {
		noPointers = append(noPointers, written(160))
	}
	kept = append(kept, garbage.next.next, noPointers[0])
	half := garbage
	for i := 0; i < n*512; i++ {
		half = half.next
	}
	half.next = nil // the older half is garbage
	noPointers = nil
	runtime.ReadMemStats(&stats)
	for i := 0; i < 50; i++ {
		go func() {
			for {
			}
		}()
	}
	collections := stats.NumGC
	debug.SetGCPercent(10)
	for stats.NumGC == collections {
		sink = make([]byte, 64*1024)
		runtime.ReadMemStats(&stats)
	}
	debug.SetGCPercent(-1)
}

// idle frees N MiB at once. Nothing is given back: the goal of the last collection was higher.
func idle(n int) {
	kept = append(kept, written(n*mib))
	runtime.GC()
	kept = nil
	debug.SetGCPercent(-1)
	runtime.GC()
}

// lazyFree gives N MiB back; with GODEBUG=madvdontneed=0 they stay until the kernel needs them.
func lazyFree(n int) {
	kept = append(kept, written(n*mib))
	kept = nil
	settle()
}

// blocks keeps N MiB in objects of 32 KiB.
func blocks(n int) {
	for i := 0; i < n*32; i++ {
		kept = append(kept, written(32*1024))
	}
	settle()
}

// fragments keeps one in eight of its objects.
func fragments(n int) {
	debug.SetGCPercent(-1) // or slots are used again
	var few [][]byte
	for i := 0; i < n*1024; i++ {
		object := written(1024)
		if i%8 == 0 {
			few = append(few, object)
		}
	}
	kept = append(kept, few)
	settle()
}

// stacks starts N goroutines that wait.
func stacks(n int) {
	waiting.Add(n)
	for i := 0; i < n; i++ {
		go wait(gate)
	}
	awaitAll()
	settle()
}

// wait is where goroutines end up.
func wait(gate chan bool) {
	waiting.Done()
	<-gate
}

// awaitAll returns once all goroutines are in wait, and asleep.
func awaitAll() {
	waiting.Wait()
	time.Sleep(20 * time.Millisecond)
}

//go:noinline
func recurse(depth int, then func()) byte {
	var frame [1024]byte
	frame[depth%1024] = byte(depth)
	if depth == 0 {
		then()
	} else {
		frame[1] += recurse(depth-1, then)
	}
	return frame[0] + frame[1]
}

// deep has N MiB of stacks, in goroutines that call 800 KiB deep: such a stack is 1 MiB.
func deep(n int) {
	debug.SetGCPercent(-1) // a collection would shrink nothing, but takes time
	waiting.Add(n)
	for i := 0; i < n; i++ {
		go recurse(700, func() { wait(gate) })
	}
	awaitAll()
}

// freedStacks ends half of N goroutines whose stacks have grown to 8 KiB: those are not kept with
// the goroutine, and the other half keeps their spans.
func freedStacks(n int) {
	debug.SetGCPercent(-1)
	end := make(chan bool)
	waiting.Add(n)
	for i := 0; i < n; i++ {
		until := gate
		if i%2 == 0 {
			until = end
		}
		go recurse(4, func() { wait(until) })
	}
	awaitAll()
	close(end)
	for runtime.NumGoroutine() > n/2+1 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
}

func mapBytes(fd, size, protection, flags int) []byte {
	memory, err := syscall.Mmap(fd, 0, size, protection, flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return memory
}

func openFile(n int) int {
	file, err := os.OpenFile(os.Args[3], os.O_RDWR|os.O_CREATE, 0o666)
	if err == nil {
		block := written(mib)
		for i := 0; i < n && err == nil; i++ {
			_, err = file.Write(block)
		}
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	kept = append(kept, file)
	return int(file.Fd())
}

// mapFile reads all of a file of N MiB through a mapping.
func mapFile(n int) {
	memory := mapBytes(openFile(n), n*mib, syscall.PROT_READ, syscall.MAP_SHARED)
	sum := byte(0)
	for i := 0; i < len(memory); i += 4096 {
		sum += memory[i]
	}
	kept = append(kept, sum)
	settle()
}

// mapFileAndWrite writes to a quarter of a private mapping of a file, and reads the rest.
func mapFileAndWrite(n int) {
	memory := mapBytes(openFile(n), n*mib, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
	for i := 0; i < len(memory); i += 4096 {
		if i < len(memory)/4 {
			memory[i]++
		} else {
			kept = append(kept[:1], memory[i])
		}
	}
	settle()
}

func touch(memory []byte) {
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
}

// mapAnonymous maps N MiB without the runtime's knowledge, and a second, smaller piece.
func mapAnonymous(n int) {
	for _, size := range []int{n * mib, n * mib / 4} {
		memory := mapBytes(-1, size, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE)
		syscall.Madvise(memory, adviseNoHuge)
		touch(memory)
	}
	settle()
}

// mapShared maps N MiB of shared memory.
func mapShared(n int) {
	touch(mapBytes(-1, n*mib, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_SHARED))
	settle()
}

// huge asks for huge pages for one object of the heap before it writes to it.
func huge(n int) {
	object := make([]byte, n*mib)
	start := (hugeBytes - int(uintptr(unsafe.Pointer(&object[0]))%hugeBytes)) % hugeBytes
	inner := object[start : start+(len(object)-start)/hugeBytes*hugeBytes]
	if err := syscall.Madvise(inner, adviseHuge); err != nil {
		fmt.Fprintln(os.Stderr, "madvise:", err)
	}
	touch(object)
	kept = append(kept, object)
	settle()
}

// untouched reads N MiB of zeros that were never written: pages are mapped, but no memory is used.
func untouched(n int) {
	object := make([]byte, n*mib)
	syscall.Madvise(object[:len(object)/4096*4096], adviseNoHuge)
	sum := byte(0)
	for i := 0; i < len(object); i += 4096 {
		sum += object[i]
	}
	kept = append(kept, object, sum)
	settle()
}

// unwritten keeps N MiB of small objects, each of three pages that nothing was written to: fresh
// memory is zero, so the runtime does not write to it either.
func unwritten(n int) {
	list := make([]*[12 << 10]byte, n*mib/(12<<10))
	for i := range list {
		list[i] = new([12 << 10]byte)
	}
	kept = append(kept, list)
	settle()
}

// copying stands still in the midst of what append does: a new array, and half of it is filled.
func copying(n int) {
	object := make([]byte, n*mib)
	syscall.Madvise(object[:len(object)/4096*4096], adviseNoHuge)
	touch(object[:len(object)/2])
	kept = append(kept, object)
	settle()
}
