// SPDX-License-Identifier: Apache-2.0

// Telemetry-queue has a span for each request, and an exporter that waits for a collector that is
// not there; the queue was made large so that no span is lost.
package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/incidents/internal/lab"
)

// As the exporters do that try again and again.
type retrying struct{}

func (retrying) ExportSpans(ctx context.Context, _ []sdk.ReadOnlySpan) error {
	<-ctx.Done()
	return ctx.Err()
}

func (retrying) Shutdown(context.Context) error { return nil }

func main() {
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(retrying{}, sdk.WithMaxQueueSize(1<<20)))
	tracer := provider.Tracer("lab")
	lab.Fill(10)
	lab.Run(15000, func(i int) { handle(tracer, i) })
}

func handle(tracer trace.Tracer, i int) {
	_, span := tracer.Start(context.Background(), "request") // guilty
	span.SetAttributes(attribute.String("url", fmt.Sprint("/items/", i)),
		attribute.Int("bytes", i))
	span.End() // guilty
}
