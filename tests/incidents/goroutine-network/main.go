// SPDX-License-Identifier: Apache-2.0

// Goroutine-network asks a peer that has stopped to answer, over connections without deadlines.
package main

import (
	"net"

	"example.com/incidents/internal/lab"
)

func serve(listener net.Listener) {
	var open []net.Conn
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		open = append(open, conn)
	}
}

func main() {
	address := lab.Peer(serve)
	lab.Fill(10)
	lab.Run(100, func(int) { go ask(address) })
}

func ask(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answer := make([]byte, 16<<10)
	conn.Write([]byte("GET\n"))
	_, err = conn.Read(answer) // guilty
	return err
}
