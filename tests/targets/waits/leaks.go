// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"
)

// A server that takes connections and says nothing.
var silent = func() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		var taken []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			taken = append(taken, conn)
		}
	}()
	return listener.Addr().String()
}()

func readsWithoutDeadline() {
	conn, err := net.Dial("tcp", silent)
	if err != nil {
		panic(err)
	}
	go func() {
		var buffer [16]byte
		conn.Read(buffer[:])
	}()
}

var held sync.Mutex

func locksWhatIsNeverReleased() {
	held.TryLock() // the first one, for ever
	tell(&held)
	go func() {
		held.Lock()
	}()
}

// The holder waits for something else.
func holdsAndWaits() {
	if waitFor == nil {
		lock := new(sync.Mutex)
		ready := make(chan bool)
		go hold(lock, ready)
		<-ready
		waitFor = func() { lock.Lock() }
		tell(lock)
	}
	go waitFor()
}

var waitFor func()

func hold(lock *sync.Mutex, ready chan bool) {
	lock.Lock()
	ready <- true
	<-make(chan int)
	lock.Unlock()
}

var shared sync.RWMutex

func readLocksBehindWriter() {
	if shared.TryRLock() {
		go func() { shared.Lock() }()
		for shared.TryRLock() {
			shared.RUnlock()
			time.Sleep(time.Millisecond)
		}
	}
	tell(&shared)
	go func() {
		shared.RLock()
	}()
}

var group sync.WaitGroup

func waitsForMissingDone() {
	group.Add(1)
	tell(&group)
	go func() {
		group.Wait()
	}()
}

var cond = sync.NewCond(new(sync.Mutex))

func waitsForMissingSignal() {
	tell(cond)
	go func() {
		cond.L.Lock()
		cond.Wait()
	}()
}

func selectsWithoutReadyCase() {
	a, b := make(chan int), make(chan string)
	tell(a)
	tell(b)
	go func() {
		select {
		case <-a:
		case b <- "x":
		}
	}()
}

func selectsNothing() {
	go func() {
		select {}
	}()
}

func receivesFromNil() {
	var none chan int
	go func() {
		<-none
	}()
}

// The one who asked has gone.
func sendsAfterTimeout() {
	result := make(chan int)
	tell(result)
	go func() {
		result <- 42
	}()
	<-time.After(0)
}

func sendsToFull() {
	result := make(chan [4]int, 2)
	tell(result)
	go func() {
		for {
			result <- [4]int{}
		}
	}()
}

func receivesFromEmpty() {
	input := make(chan int, 8)
	tell(input)
	go func() {
		<-input
	}()
}

func rangesOverUnclosed() {
	input := make(chan int)
	tell(input)
	go func() {
		for range input {
		}
	}()
	input <- 1
}

var nobody = make(chan int)

func sendsToNobody() {
	tell(nobody)
	go func() {
		nobody <- 1
	}()
}

func receivesFromShared() {
	tell(nobody)
	go func() {
		<-nobody
	}()
}

func waitsForCancel() {
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	tell(ctx.Done())
	go func() {
		<-ctx.Done()
	}()
}

func ticksForEver() {
	ticker := time.NewTicker(time.Hour)
	tell(ticker.C)
	go func() {
		for range ticker.C {
		}
	}()
}

// Answers whose body does not end, all by one goroutine.
var endless = func() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		var taken []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello"))
			taken = append(taken, conn)
		}
	}()
	return "http://" + listener.Addr().String()
}()

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

func leavesBodiesOpen() {
	answer, err := client.Get(endless + "/endless")
	if err != nil {
		panic(err)
	}
	io.ReadFull(answer.Body, make([]byte, 5))
}

// Ends with this process: its other end is here and nowhere else.
var lifeline, lifelineEnd, _ = os.Pipe()

// The child has left its output to a child of its own, which keeps it open.
func waitsForPipe() {
	command := exec.Command("sh", "-c", "cat <&3 & exit 0")
	command.Stdout = new(discard)
	command.ExtraFiles = []*os.File{lifeline}
	if err := command.Start(); err != nil {
		panic(err)
	}
	go func() {
		command.Wait()
	}()
}

type discard struct{}

func (*discard) Write(data []byte) (int, error) { return len(data), nil }

func init() {
	keep = append(keep, lifelineEnd)
	os.Unsetenv("HTTP_PROXY")
	os.Unsetenv("http_proxy")
}
