// SPDX-License-Identifier: Apache-2.0

// Grpc-dial-each makes a connection for each call and does not close it.
package main

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"example.com/incidents/internal/lab"
)

func serve(listener net.Listener) {
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	server.Serve(listener)
}

func main() {
	address := lab.Peer(serve)
	lab.Fill(10)
	lab.Run(80, func(int) { check(address) })
}

func check(address string) error {
	connection, err := grpc.NewClient(address, // guilty
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return err
	}
	_, err = grpc_health_v1.NewHealthClient(connection).Check(context.Background(),
		&grpc_health_v1.HealthCheckRequest{})
	return err
}
