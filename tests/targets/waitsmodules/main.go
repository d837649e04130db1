// SPDX-License-Identifier: Apache-2.0

// Waitsmodules leaks as programs do that use others' modules, or C: in a module of its own, because
// it needs the proxy.
package main

/*
#include <unistd.h>
static void wait_in_c(void) { pause(); }
*/
import "C"

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"gopkg.in/natefinch/lumberjack.v2"

	"example.com/targets/internal/control"
)

var folder string

func main() {
	count := flag.Int("count", 60, "how often to leak")
	flag.StringVar(&folder, "folder", "", "where logs go")
	flag.Parse()
	leak := map[string]func(int){
		"grpc":       leavesStreamOpen,
		"lumberjack": opensLogger,
		"cgo":        waitsInC,
	}[flag.Arg(0)]
	if leak == nil {
		log.Fatalf("waitsmodules: no way %q", flag.Arg(0))
	}
	for i := 0; i < *count; i++ {
		leak(i)
	}
	control.Serve(nil, nil)
}

var client = func() grpc_health_v1.HealthClient {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	connection, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		panic(err)
	}
	return grpc_health_v1.NewHealthClient(connection)
}()

// Neither cancelled nor read to its end.
func leavesStreamOpen(int) {
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	stream, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		panic(err)
	}
	if _, err := stream.Recv(); err != nil {
		panic(err)
	}
}

// One a call, closed again: its goroutine stays.
func opensLogger(i int) {
	logger := &lumberjack.Logger{Filename: filepath.Join(folder, fmt.Sprint(i, ".log"))}
	fmt.Fprintln(logger, "hello from", os.Getpid())
	logger.Close()
}

func waitsInC(int) {
	go func() {
		C.wait_in_c()
	}()
}
