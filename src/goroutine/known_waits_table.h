// SPDX-License-Identifier: Apache-2.0
/*
 * Waits that are known: a row is KNOWN(function, state, kind, at_most, text).
 *
 * function: a frame of that name, or whose name begins with it and goes on with ".func" or the
 * like; no frame of own or third-party code stands inside of it (a handler below (*conn).serve is
 * no idle connection), but for rows of third-party functions themselves. state: the beginning of
 * the state; "" any. kind: IDLE waits by design; PARTNER belongs to something else that is judged
 * by itself; LEAK is a known way to leak; BRIEF is healthy for less than a minute. at_most: so many
 * are ordinary, more of them are as the text behind the bar says; 0: any number. text: what it is;
 * behind a bar, what more of them than at_most, or a minute of a BRIEF one, mean. A function of ""
 * stands for a semaphore of the runtime itself.
 */
KNOWN("internal/poll.(*FD).Accept", "", IDLE, 0, "a server that waits for connections")
KNOWN("net.(*netFD).accept", "", IDLE, 0, "a server that waits for connections")
KNOWN("os/signal.signal_recv", "", IDLE, 0, "the loop that waits for signals")
KNOWN("os/signal.loop", "", IDLE, 0, "the loop that waits for signals")
KNOWN("net/http.(*connReader).backgroundRead", "IO wait", IDLE, 0,
      "a server that looks out for a client that goes away while a handler runs")
KNOWN("net/http.(*persistConn).readLoop", "select", LEAK, 8,
      "an answer that is being read|answers whose body was neither closed nor read to its end")
KNOWN("net/http.(*persistConn).readLoop", "", IDLE, 1000,
      "an idle connection of an http.Client|connections of http.Clients that nobody uses: a Transport "
      "made again and again, or no idle limit")
KNOWN("net/http.(*persistConn).writeLoop", "", PARTNER, 0,
      "the writer of a connection of an http.Client")
KNOWN("net/http.(*conn).serve", "IO wait", IDLE, 1000,
      "an idle keep-alive connection of a server|connections that clients keep open: the server has no "
      "IdleTimeout or ReadTimeout")
KNOWN("net/http.(*http2serverConn).serve", "", IDLE, 1000,
      "a connection of an HTTP/2 server|many clients")
KNOWN("net/http.(*http2serverConn).readFrames", "", PARTNER, 0,
      "the reader of an HTTP/2 connection")
KNOWN("net/http.(*http2clientConnReadLoop).run", "", IDLE, 1000,
      "a connection of an HTTP/2 client|connections that nobody closes")
KNOWN("net/http/internal/http2.(*serverConn).serve", "", IDLE, 1000,
      "a connection of an HTTP/2 server|many clients")
KNOWN("net/http/internal/http2.(*serverConn).readFrames", "", PARTNER, 0,
      "the reader of an HTTP/2 connection")
KNOWN("net/http/internal/http2.(*clientConnReadLoop).run", "", IDLE, 1000,
      "a connection of an HTTP/2 client|connections that nobody closes")
KNOWN("golang.org/x/net/http2.(*clientConnReadLoop).run", "", IDLE, 1000,
      "a connection of an HTTP/2 client|connections that nobody closes")
KNOWN("golang.org/x/net/http2.(*serverConn).serve", "", IDLE, 1000,
      "a connection of an HTTP/2 server|many clients")
KNOWN("golang.org/x/net/http2.(*serverConn).readFrames", "", PARTNER, 0,
      "the reader of an HTTP/2 connection")
KNOWN("database/sql.(*DB).connectionOpener", "", IDLE, 32,
      "the opener of a sql.DB|a sql.DB that is opened again and again and not closed")
KNOWN("database/sql.(*DB).connectionCleaner", "", IDLE, 32,
      "the cleaner of a sql.DB|a sql.DB that is opened again and again and not closed")
KNOWN("database/sql.(*DB).connectionResetter", "", IDLE, 32,
      "the resetter of a sql.DB|a sql.DB that is opened again and again and not closed")
KNOWN("database/sql.(*Rows).awaitDone", "", LEAK, 8,
      "rows that are being read|rows that nobody closed")
KNOWN("database/sql.(*Tx).awaitDone", "", LEAK, 8,
      "a transaction|transactions that were neither committed nor rolled back")
KNOWN("database/sql.(*DB).conn", "select", LEAK, 4,
      "waits for a connection|all connections of the pool are in use: rows or transactions were not "
      "closed, or SetMaxOpenConns is too small")
KNOWN("os/exec.(*Cmd).awaitGoroutines", "", LEAK, 4,
      "waits for a child's output to end|children have ended while others hold their output open")
KNOWN("os/exec.(*Cmd).writerDescriptor", "IO wait", PARTNER, 0, "copies the output of a child")
KNOWN("os/exec.(*Cmd).Start", "IO wait", PARTNER, 0, "copies the output of a child")
KNOWN("os/exec.(*Cmd).Wait", "syscall", LEAK, 16,
      "waits for a child to end|children that do not end")
KNOWN("runtime/pprof.profileWriter", "", IDLE, 0, "the writer of a CPU profile")
KNOWN("github.com/fsnotify/fsnotify.(*Watcher).readEvents", "", IDLE, 32,
      "a watcher of files|watchers of files that are made again and again and not closed")
KNOWN("github.com/fsnotify/fsnotify.(*inotify).readEvents", "", IDLE, 32,
      "a watcher of files|watchers of files that are made again and again and not closed")
KNOWN("gopkg.in/natefinch/lumberjack.v2.(*Logger).millRun", "", IDLE, 4,
      "the rotation of a lumberjack.Logger|a lumberjack.Logger that is made again and again: each "
      "leaves a goroutine behind that never ends")
KNOWN("github.com/patrickmn/go-cache.(*janitor).Run", "", IDLE, 64,
      "the janitor of a cache|caches without end")
KNOWN("github.com/golang/glog.(*fileSink).flushDaemon", "", IDLE, 0, "the flusher of a log")
KNOWN("github.com/golang/glog.(*loggingT).flushDaemon", "", IDLE, 0, "the flusher of a log")
KNOWN("k8s.io/klog/v2.(*flushDaemon).run", "", IDLE, 0, "the flusher of a log")
KNOWN("k8s.io/klog.(*loggingT).flushDaemon", "", IDLE, 0, "the flusher of a log")
KNOWN("go.opencensus.io/stats/view.(*worker).start", "", IDLE, 0, "the worker of OpenCensus")
KNOWN("go.opentelemetry.io/otel/sdk/trace.(*batchSpanProcessor).processQueue", "", IDLE, 16,
      "the exporter of traces|exporters of traces that are not shut down")
KNOWN("google.golang.org/grpc.newClientStreamWithParams", "select", LEAK, 8,
      "a stream that is in use|streams that were neither cancelled nor read to their end")
KNOWN("google.golang.org/grpc/internal/transport.(*controlBuffer).get", "", PARTNER, 0,
      "the writer of a gRPC connection")
KNOWN("google.golang.org/grpc/internal/transport.(*http2Client).reader", "", IDLE, 256,
      "a gRPC connection of a client|gRPC connections that are opened again and again")
KNOWN("google.golang.org/grpc/internal/transport.(*http2Client).keepalive", "", PARTNER, 0,
      "the keep-alive of a gRPC connection")
KNOWN("google.golang.org/grpc/internal/transport.(*http2Server).keepalive", "", PARTNER, 0,
      "the keep-alive of a gRPC connection")
KNOWN("google.golang.org/grpc/internal/transport.(*http2Server).HandleStreams", "IO wait", IDLE,
      1000, "a gRPC connection of a server|many clients")
KNOWN("google.golang.org/grpc.(*Server).serverWorker", "", IDLE, 0, "a worker of a gRPC server")
KNOWN("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run", "", PARTNER, 0,
      "a serializer of a gRPC connection")
KNOWN("google.golang.org/grpc.(*addrConn)", "", PARTNER, 0, "the upkeep of a gRPC connection")
KNOWN("google.golang.org/grpc.(*ccBalancerWrapper).watcher", "", PARTNER, 0,
      "the upkeep of a gRPC connection")
// The runtime's own semaphores: callers of semacquire in its mgc.go, proc.go, metrics.go, mprof.go
// and trace.go, Go 1.11 to 1.27. The program's come through sync.runtime_Semacquire and its like.
KNOWN("", "semacquire", BRIEF, 0,
      "waits its turn at the Go runtime, as long as a garbage collection or a stop of the world "
      "takes|a garbage collection or a stop of the world does not end")
