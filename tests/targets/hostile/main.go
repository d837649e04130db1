// SPDX-License-Identifier: Apache-2.0

// Hostile lies to whoever reads it from outside: on command it forges its own runtime's structures.
// It finds them by its own symbol table. After "rest" nothing in it looks at them any more.
package main

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	_ "net/http/pprof"

	"example.com/targets/internal/control"
)

var symbols = map[string]uintptr{}

func main() {
	if err := readSymbols(); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	wait := make(chan bool)
	for i := 0; i < 20; i++ {
		go func() { <-wait }()
	}
	runtime.Gosched()
	control.Serve(map[string]control.Command{"poke": poke, "buckets": forgeBuckets}, nil)
}

func readSymbols() error {
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer file.Close()
	list, err := file.Symbols()
	if err != nil {
		return err
	}
	for _, symbol := range list {
		if strings.HasPrefix(symbol.Name, "runtime.") {
			symbols[symbol.Name] = uintptr(symbol.Value)
		}
	}
	return nil
}

func at(address uintptr) *uint64 {
	return (*uint64)(*(*unsafe.Pointer)(unsafe.Pointer(&address)))
}

// "poke SYMBOL OFFSET VALUE" writes 8 bytes; "poke *SYMBOL OFFSET VALUE" writes to what the first
// word there points to, "poke **SYMBOL ..." one further.
func poke(argument string) error {
	var name string
	var offset uintptr
	var value uint64
	if _, err := fmt.Sscan(argument, &name, &offset, &value); err != nil {
		return err
	}
	symbol := strings.TrimLeft(name, "*")
	address := symbols[symbol]
	if address == 0 {
		return fmt.Errorf("no symbol %s", symbol)
	}
	for i := len(symbol); i < len(name); i++ {
		address = uintptr(*at(address))
	}
	*at(address + offset) = value
	return nil
}

const (
	bucketBytes = 1024
	bucketNext  = 8
	bucketType  = 16
	bucketHash  = 24
	bucketDepth = 40
)

// "buckets COUNT LAST": a chain of forged profile buckets whose last one leads to LAST: "0", "first",
// "nowhere"; "deep" and "type" forge the first one's depth or type.
func forgeBuckets(argument string) error {
	var count int
	var last string
	if _, err := fmt.Sscan(argument, &count, &last); err != nil {
		return err
	}
	memory, err := syscall.Mmap(-1, 0, count*bucketBytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	first := uintptr(unsafe.Pointer(&memory[0]))
	for i := 0; i < count; i++ {
		bucket := first + uintptr(i)*bucketBytes
		*at(bucket + bucketType) = 1
		*at(bucket + bucketDepth) = 3
		*at(bucket + bucketNext) = uint64(bucket + bucketBytes)
	}
	end := first + uintptr(count-1)*bucketBytes
	*at(end + bucketNext) = map[string]uint64{"first": uint64(first), "nowhere": 0xdead0000}[last]
	if last == "deep" {
		*at(first + bucketDepth) = 1 << 62
	}
	if last == "type" {
		*at(first + bucketType) = 77
	}
	*at(symbols["runtime.mbuckets"]) = uint64(first)
	return nil
}
