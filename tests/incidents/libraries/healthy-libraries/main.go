// SPDX-License-Identifier: Apache-2.0

// Healthy-libraries uses the libraries that others use wrongly, in the right way, and much.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"example.com/incidents/internal/lab"
)

func main() {
	start, perSecond := map[string]func() func(int){
		"grpc": grpcShared, "codecs": codecsInPools, "metrics": metricsWithFewLabels,
		"spans": spansThatGo, "sockets": socketsThatStay, "export": exportThatIsOver,
		"uploads": uploadsOfUsualSize, "messages": messagesThatGo, "tls": tlsShared,
	}[os.Args[1]], 200
	step := start()
	lab.Fill(20)
	for i := 0; i < 3; i++ {
		runtime.GC() // as if it ran for long
	}
	lab.Run(perSecond, step)
}

// One zstd decoder for all is for DecodeAll; streams take theirs from a pool.
func codecsInPools() func(int) {
	var packed bytes.Buffer
	encoder, err := zstd.NewWriter(&packed, zstd.WithWindowSize(1<<20))
	if err != nil {
		panic(err)
	}
	encoder.Write(bytes.Repeat([]byte("some text that is long. "), 40000))
	encoder.Close()
	decoders := make(chan *zstd.Decoder, 16)
	for i := 0; i < cap(decoders); i++ {
		decoder, err := zstd.NewReader(nil)
		if err != nil {
			panic(err)
		}
		decoders <- decoder
	}
	writers := sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}
	return func(int) {
		decoder := <-decoders
		decoder.Reset(bytes.NewReader(packed.Bytes()))
		head := make([]byte, 1000)
		io.ReadFull(decoder, head)
		decoder.Reset(nil)
		decoders <- decoder
		writer := writers.Get().(*gzip.Writer)
		writer.Reset(io.Discard)
		writer.Write(head)
		writer.Close()
		writers.Put(writer)
	}
}

func metricsWithFewLabels() func(int) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "seconds"},
		[]string{"method", "code"})
	prometheus.MustRegister(seconds)
	reader := sdkmetric.NewManualReader()
	count, _ := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("lab").
		Int64Counter("requests")
	return func(i int) {
		for j := 0; j < 200; j++ {
			code := fmt.Sprint(200 + (i+j)%30)
			seconds.WithLabelValues("GET", code).Observe(0.1)
			count.Add(context.Background(), 1,
				metric.WithAttributes(attribute.String("code", code)))
		}
		if i%50 == 0 {
			prometheus.DefaultGatherer.Gather()
		}
	}
}

type discard struct{}

func (discard) ExportSpans(context.Context, []trace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                          { return nil }

func spansThatGo() func(int) {
	tracer := trace.NewTracerProvider(trace.WithBatcher(discard{})).Tracer("lab")
	return func(i int) {
		for j := 0; j < 20; j++ {
			_, span := tracer.Start(context.Background(), "request")
			span.SetAttributes(attribute.String("url", fmt.Sprint("/items/", i)))
			span.End()
		}
	}
}

func uploadsOfUsualSize() func(int) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	writer.Write(make([]byte, 300<<10))
	writer.Close()
	return func(int) {
		reader, err := gzip.NewReader(bytes.NewReader(packed.Bytes()))
		if err != nil {
			panic(err)
		}
		io.ReadAll(io.LimitReader(reader, 1<<20))
	}
}

func messagesThatGo() func(int) {
	items := map[string]any{}
	for i := 0; i < 100; i++ {
		items[fmt.Sprint("item ", i)] = i
	}
	message, err := structpb.NewValue(items)
	if err != nil {
		panic(err)
	}
	wire, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	names := make([]string, 1000)
	return func(i int) {
		order := new(structpb.Value)
		if proto.Unmarshal(wire, order) == nil {
			names[i%len(names)] = strings.Clone(order.GetStructValue().String()[:20])
		}
	}
}
