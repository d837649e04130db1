// SPDX-License-Identifier: Apache-2.0

// Socket-buffers sends every client a large answer as fast as the kernel takes it, and no client
// reads: what is under way piles up in the kernel's buffers.
package main

import (
	"net"
	"time"

	"example.com/incidents/internal/lab"
)

const clients = 60 // a few MiB each

var block = make([]byte, 64<<10)

func main() {
	lab.Fill(10)
	address := lab.Peer(acceptAndForget)
	lab.Run(1, func(i int) {
		if i < clients {
			client, err := net.Dial("tcp", address)
			if err != nil {
				panic(err)
			}
			go send(client)
		}
	})
}

func send(client net.Conn) {
	for {
		if _, err := client.Write(block); err != nil {
			return
		}
	}
}

var accepted []net.Conn

func acceptAndForget(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		accepted = append(accepted, client)
		time.Sleep(time.Millisecond)
	}
}
