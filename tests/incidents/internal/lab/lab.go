// SPDX-License-Identifier: Apache-2.0

// Package lab is what the programs of the lab share: they say that they are ready, wait for a line
// on stdin, and do then whatever they do, so many times a second, until something kills them.
package lab

import (
	"bufio"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"time"
)

// Run never returns. Each step is one request, one message, one tick of the service that the
// program stands for.
func Run(perSecond int, step func(i int)) {
	Ready()
	const ticks = 50
	ticker := time.NewTicker(time.Second / ticks)
	done := 0
	start := time.Now()
	for range ticker.C {
		due := int(time.Since(start).Seconds() * float64(perSecond))
		for ; done < due; done++ {
			step(done)
		}
	}
}

// Ready says so and waits for the line.
func Ready() {
	_ = pprof.Lookup("heap") // so that the linker keeps the heap profile
	fmt.Printf("ready %d\n", os.Getpid())
	bufio.NewReader(os.Stdin).ReadString('\n')
}

var warm [][]byte

// Fill makes a cache as every service has one: it is large, and it does not grow.
//
//go:noinline
func Fill(mib int) {
	for i := 0; i < mib*16; i++ {
		block := make([]byte, 64<<10)
		for j := 0; j < len(block); j += 4096 {
			block[j] = 1
		}
		warm = append(warm, block)
	}
}

// Grow takes so many MiB a second up to a bound, outside of every protocol, and never returns.
func Grow(mibPerSecond, boundMiB int) {
	for i := 0; ; i++ {
		if i < boundMiB {
			Fill(1)
		}
		time.Sleep(time.Second / time.Duration(mibPerSecond))
	}
}

var peers []io.Closer // that nobody collects them

// Peer runs serve in a process of its own, on the address that it gives; that ends with this one.
func Peer(serve func(net.Listener)) string {
	if len(os.Args) > 1 && os.Args[1] == "peer" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println(listener.Addr())
		go func() {
			io.Copy(ioutil.Discard, os.Stdin) // io.Discard is of Go 1.16
			os.Exit(0)
		}()
		serve(listener)
		select {}
	}
	command := exec.Command("/proc/self/exe", "peer")
	in, err := command.StdinPipe()
	if err != nil {
		panic(err)
	}
	peers = append(peers, in)
	out, err := command.StdoutPipe()
	if err != nil || command.Start() != nil {
		panic("no peer")
	}
	var address string
	fmt.Fscanln(out, &address)
	return address
}
