// SPDX-License-Identifier: Apache-2.0

// Grpc-stream-open reads the first message of each stream and forgets the stream. The connection is
// shared, as it should be.
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
	connection, err := grpc.NewClient(lab.Peer(serve),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		panic(err)
	}
	client := grpc_health_v1.NewHealthClient(connection)
	lab.Fill(10)
	lab.Run(500, func(int) { status(client) })
}

func status(client grpc_health_v1.HealthClient) (*grpc_health_v1.HealthCheckResponse, error) {
	stream, err := client.Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{}) // guilty
	if err != nil {
		return nil, err
	}
	return stream.Recv()
}
