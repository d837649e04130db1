// SPDX-License-Identifier: Apache-2.0

// Eater takes memory until something kills it, in the way that it is told: a flood of blocks by some
// goroutines, one giant block, goroutines that wait, a child process, page cache, or more than stays in memory. It says how much
// it keeps in a file that outlives it. And it can do to a cgroup what systemd-oomd does.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	_ "net/http/pprof"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	how     = flag.String("how", "blocks", "blocks, giant, goroutines, child, cache, thrash or oomd")
	rate    = flag.Int("rate", 600, "growth in MiB a second (0: as fast as it goes)")
	size    = flag.Int("size", 0, "stop at this many MiB (0: never); of giant: its size")
	threads = flag.Int("threads", 1, "so many goroutines take blocks")
	await   = flag.Bool("await", false, "begin only after a line on stdin")
	truth   = flag.String("truth", "", "a file for the number of bytes kept, as 8 bytes")
	file    = flag.String("file", "", "of cache: the file to write; of oomd: the cgroup to kill")
)

func main() {
	flag.Parse()
	openTruth()
	fmt.Printf("ready %d\n", os.Getpid())
	if *await {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	switch *how {
	case "giant":
		takeGiant()
	case "goroutines":
		takeGoroutines()
	case "child":
		takeByChild()
	case "cache":
		takeCache()
	case "oomd":
		killAsOomd()
		return
	case "thrash":
		takeBlocks()
		useAllAgain()
	default:
		takeBlocks()
	}
	for {
		time.Sleep(time.Hour)
	}
}

var kept uint64
var keptFile = make([]byte, 8)

func openTruth() {
	if *truth == "" {
		return
	}
	out, err := os.OpenFile(*truth, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	if err := out.Truncate(4096); err != nil {
		panic(err)
	}
	keptFile, err = syscall.Mmap(int(out.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	tell(0)
}

func tell(bytes int) {
	binary.LittleEndian.PutUint64(keptFile, atomic.AddUint64(&kept, uint64(bytes)))
}

func touch(block []byte) []byte {
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block
}

// pace sleeps until `bytes` are due, if there is a rate.
func pace(start time.Time, bytes int) {
	if *rate > 0 {
		time.Sleep(time.Duration(float64(bytes)/float64(*rate<<20)*1e9) - time.Since(start))
	}
}

// So large that the profiler misses none: it samples one in 512 KiB.
const blockBytes = 4 << 20

var hoards [][][]byte

func takeBlocks() {
	hoards = make([][][]byte, *threads)
	for i := 1; i < *threads; i++ {
		go hoard(i)
	}
	hoard(0)
}

//go:noinline
func hoard(which int) {
	start := time.Now()
	for taken := 0; *size == 0 || taken < *size<<20 / *threads; taken += blockBytes {
		hoards[which] = append(hoards[which], touch(make([]byte, blockBytes)))
		tell(blockBytes)
		pace(start, (taken+blockBytes)**threads)
	}
}

// useAllAgain keeps what it has in use: what is swapped out has to come back.
func useAllAgain() {
	for {
		for _, hoard := range hoards {
			for _, block := range hoard {
				touch(block)
			}
		}
	}
}

var giant []byte

//go:noinline
func takeGiant() {
	giant = make([]byte, *size<<20)
	tell(len(giant))
	touch(giant)
}

func takeGoroutines() {
	start := time.Now()
	never := make(chan []byte)
	for taken := 0; *size == 0 || taken < *size<<20; taken += 8192 {
		go wait(never)
		tell(8192)
		if taken%blockBytes == 0 {
			pace(start, taken)
		}
	}
}

//go:noinline
func wait(never chan []byte) {
	var room [4096]byte
	never <- room[:]
}

func takeByChild() {
	child := exec.Command("/proc/self/exe", "-rate", strconv.Itoa(*rate), "-threads",
		strconv.Itoa(*threads))
	child.Stdout = os.Stdout
	if err := child.Run(); err != nil {
		fmt.Println("child:", err)
	}
}

// killAsOomd follows oomd_cgroup_kill of systemd: two marks, and SIGKILL between them.
func killAsOomd() {
	mark := func(name, value string) {
		if err := syscall.Setxattr(*file, name, []byte(value), 0); err != nil {
			panic(err)
		}
	}
	mark("user.oomd_ooms", "1")
	list, err := os.ReadFile(*file + "/cgroup.procs")
	if err != nil {
		panic(err)
	}
	pids := strings.Fields(string(list))
	for _, text := range pids {
		if pid, err := strconv.Atoi(text); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	mark("user.oomd_kill", strconv.Itoa(len(pids)))
}

func takeCache() {
	out, err := os.Create(*file)
	if err != nil {
		panic(err)
	}
	start, block := time.Now(), make([]byte, blockBytes)
	for taken := 0; *size == 0 || taken < *size<<20; taken += blockBytes {
		if _, err := out.Write(block); err != nil {
			panic(err)
		}
		pace(start, taken)
	}
	fmt.Println("ok")
}
