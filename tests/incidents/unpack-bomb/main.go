// SPDX-License-Identifier: Apache-2.0

// Unpack-bomb unpacks what clients upload. One of them sends a small file that has very much in it.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"example.com/incidents/internal/lab"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	client, err := net.Dial("tcp", lab.Peer(drive))
	if err != nil {
		panic(err)
	}
	handler := upload
	if os.Args[1] == "buffer" {
		handler = uploadToBuffer
	}
	lab.Fill(10)
	lab.Ready()
	fmt.Fprintln(client, listener.Addr())
	http.Serve(listener, http.HandlerFunc(handler))
}

func upload(w http.ResponseWriter, r *http.Request) {
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return
	}
	data, err := io.ReadAll(unpacked) // guilty
	if err == nil {
		w.Write(data[:10])
	}
}

func uploadToBuffer(w http.ResponseWriter, r *http.Request) {
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return
	}
	var data bytes.Buffer
	if _, err := data.ReadFrom(unpacked); err == nil { // guilty
		w.Write(data.Bytes()[:10])
	}
}

// Drive is told where to send its bomb. Its line is slow: 20 KiB of it are 20 MiB.
func drive(listener net.Listener) {
	var part bytes.Buffer
	packer := gzip.NewWriter(&part)
	io.CopyN(packer, zeros{}, 10<<20)
	packer.Close()
	bomb := bytes.Repeat(part.Bytes(), 100)
	orders, err := listener.Accept()
	if err != nil {
		return
	}
	var address string
	fmt.Fscanln(orders, &address)
	http.Post("http://"+address, "application/gzip", slow{bytes.NewReader(bomb)})
}

type slow struct{ io.Reader }

func (s slow) Read(data []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return s.Reader.Read(data[:min(len(data), 200)])
}

type zeros struct{}

func (zeros) Read(data []byte) (int, error) {
	clear(data)
	return len(data), nil
}
