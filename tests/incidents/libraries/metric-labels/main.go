// SPDX-License-Identifier: Apache-2.0

// Metric-labels counts requests by user, and users are many.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"example.com/incidents/internal/lab"
)

var (
	durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "request_seconds"},
		[]string{"method", "user"})
	meter    = sdk.NewMeterProvider(sdk.WithReader(sdk.NewManualReader())).Meter("lab")
	count, _ = meter.Int64Counter("requests")
)

func main() {
	prometheus.MustRegister(durations)
	lab.Fill(10)
	observe := byPrometheus
	if os.Args[1] == "otel" {
		observe = byOpenTelemetry
	}
	lab.Run(8000, func(i int) { observe(fmt.Sprintf("user-%d", i)) })
}

func byPrometheus(user string) {
	durations.WithLabelValues("GET", user).Observe(0.1) // guilty
}

func byOpenTelemetry(user string) {
	count.Add(context.Background(), 1, metric.WithAttributes( // guilty
		attribute.String("method", "GET"), attribute.String("user", user)))
}
