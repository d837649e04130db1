// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Drive is told what clients are to do.
func drive(listener net.Listener) {
	orders, err := listener.Accept()
	if err != nil {
		return
	}
	var way, address string
	fmt.Fscanln(orders, &way, &address)
	visit := map[string]func(string){"middleware": get, "grpc": call, "uploads": upload}[way]
	for range time.Tick(8 * time.Millisecond) {
		if visit != nil {
			go visit(address)
		}
	}
}

// With a connection of its own, which stays.
func get(address string) {
	client := &http.Client{Transport: &http.Transport{}}
	if response, err := client.Get("http://" + address); err == nil {
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func call(address string) {
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err == nil {
		grpc_health_v1.NewHealthClient(connection).Check(context.Background(),
			&grpc_health_v1.HealthCheckRequest{})
	}
}

var file = func() []byte {
	var packed bytes.Buffer
	encoder, err := zstd.NewWriter(&packed, zstd.WithWindowSize(256<<10))
	if err != nil {
		panic(err)
	}
	text := make([]byte, 1<<20)
	for i := range text {
		text[i] = byte('a' + rand.Intn(16))
	}
	encoder.Write(text)
	encoder.Close()
	return packed.Bytes()
}()

type slow struct{ io.Reader }

func (s slow) Read(data []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	return s.Reader.Read(data[:min(len(data), 8000)])
}

func upload(address string) {
	http.Post("http://"+address, "application/zstd", slow{bytes.NewReader(file)})
}
