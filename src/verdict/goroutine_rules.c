// SPDX-License-Identifier: Apache-2.0
// Goroutines that wait for what never comes. The ones that name a library first: where they fit
// they say more than those that only know the kind of wait.
#include "verdict/rules.h"

#define LEAK  .subject = RULE_GROUP, .classes = CLASSES_GO, .status = VERDICT_CAUSE
#define GROWS "group.rise >= 100", "group.rise_share >= 30%"
// With a baseline they have to grow by a tenth.
#define MANY "?group.before < 0.9 group", "group >= 200"
#define NO_RELIEF                                                                            \
	N_("none from outside: what goroutines keep is live, and a memory limit only makes " \
	   "the collector run more often")
#define COMES_BACK \
	N_("the same goroutines finishing later: their number falls by itself while the load stays")
#define HTTP_HOLDS                                                                              \
	"net/http.(*Transport).dialConn...|net/http.(*persistConn)...|net/http.newTransport..", \
		"crypto/tls...|crypto/x509...",                                                 \
		"net/http.(*Client)...|net/http.NewRequest...|net/http.(*Transport)...",        \
		"net/http.readTransfer...|net/http.ReadResponse|net/http.(*http2...|"           \
		"net/http/internal/http2...|golang.org/x/net/http2..."
#define HTTP_BLAME                                                                         \
	"net/http.(*Client).do|net/http.(*Client).Do|net/http.(*Client).Get|net/http.Get", \
		"net/http.(*Transport).RoundTrip|net/http.(*Transport).roundTrip",         \
		"net/http.NewRequest..."

static const struct rule rules[] = {
	{
		.name = "http-body-open",
		LEAK,
		.stack = {"net/http.(*persistConn).readLoop"},
		.waits = {"select"},
		.when = {GROWS, MANY},
		.blame = {HTTP_BLAME},
		.holds = {HTTP_HOLDS},
		.title = N_("response bodies of an HTTP client are not closed"),
		.proof =
			{N_("each of them is a connection that waits for its response's body to be "
			    "read to the end or closed; sockets {fds.sockets.before} -> "
			    "{fds.sockets}"),
			 N_("connections that idle in a pool would be in IO wait instead")},
		.refuted_by = N_("connections that stay although the bodies are closed on every "
				 "path"),
		.fix = N_("close the body on every path, also where the status is not the expected "
			  "one: defer response.Body.Close(), and read it to its end so that the "
			  "connection is used again"),
		.relief = NO_RELIEF,
	},
	{
		// With HTTP/2 a stream is left open, not a connection.
		.name = "http-body-open",
		LEAK,
		.stack = {"net/http.(*http2clientStream).writeRequest|"
			  "net/http/internal/http2.(*clientStream).writeRequest|"
			  "golang.org/x/net/http2.(*clientStream).writeRequest"},
		.waits = {"select"},
		.during = "net/http.(*http2ClientConn).RoundTrip|"
			  "net/http.(*http2ClientConn).roundTrip|"
			  "net/http.(*http2transportResponseBody).Read|"
			  "net/http/internal/http2.(*ClientConn).RoundTrip|"
			  "net/http/internal/http2.(*ClientConn).roundTrip|"
			  "net/http/internal/http2.transportResponseBody.Read|"
			  "golang.org/x/net/http2.(*ClientConn).RoundTrip|"
			  "golang.org/x/net/http2.(*ClientConn).roundTrip|"
			  "golang.org/x/net/http2.transportResponseBody.Read",
		.when = {GROWS, MANY, "group.during < 0.3 group"},
		.blame = {HTTP_BLAME},
		.holds = {HTTP_HOLDS},
		.title = N_("response bodies of an HTTP client are not closed"),
		.proof = {N_("each of them is a stream of an HTTP/2 connection that is open still; "
			     "goroutines that wait for a response or read one: {group.during}")},
		.refuted_by = N_("connections that stay although the bodies are closed on every "
				 "path"),
		.fix = N_("close the body on every path, also where the status is not the expected "
			  "one: defer response.Body.Close(), and read it to its end so that the "
			  "connection is used again"),
		.relief = NO_RELIEF,
	},
	{
		.name = "http-transport-each",
		LEAK,
		.stack = {"net/http.(*persistConn).readLoop"},
		.waits = {"IO wait"},
		.when = {GROWS, MANY},
		.blame = {HTTP_BLAME},
		.holds = {HTTP_HOLDS},
		.title = N_("a new HTTP transport for each call"),
		.proof = {N_(
			"each of them is an idle connection in the pool of a transport; a shared "
			"transport keeps two idle ones a host; sockets {fds.sockets.before} -> "
			"{fds.sockets}")},
		.refuted_by =
			N_("one http.Transport in the program, and MaxIdleConnsPerHost as large "
			   "as this"),
		.fix = N_("make one http.Client (and Transport) and share it; it is safe for all "
			  "goroutines"),
		.relief = NO_RELIEF,
	},
	{
		.name = "http-no-timeout",
		LEAK,
		.stack =
			{"net/http.(*persistConn).roundTrip|net/http.(*http2ClientConn)...|"
			 "net/http/internal/http2.(*ClientConn)...|golang.org/x/net/http2.(*ClientConn)..."},
		.waits = {"select"},
		.when = {GROWS, MANY},
		.holds = {HTTP_HOLDS},
		.along = "net/http.(*Transport)...",
		.title = N_("HTTP calls without a deadline wait for a peer that does not answer"),
		.refuted_by = COMES_BACK,
		.fix = N_(
			"set http.Client.Timeout, or give each request a context with a deadline; "
			"limit how many may wait"),
		.relief = NO_RELIEF,
	},
	{
		.name = "sql-open-each",
		LEAK,
		.stack = {"database/sql.(*DB).connectionOpener"},
		.when = {GROWS, MANY},
		.blame = {"database/sql.Open|database/sql.OpenDB", "database/sql.(*DB)..."},
		.holds = {"database/sql.OpenDB|database/sql.Open", "database/sql.(*DB)..."},
		.title = N_("a new database pool for each call"),
		.proof = {N_("each of them belongs to one sql.DB, which is a pool of its own")},
		.refuted_by = N_("a program that needs that many databases"),
		.fix = N_(
			"call sql.Open once and share the *sql.DB; it is a pool, and safe for all "
			"goroutines"),
		.relief = NO_RELIEF,
	},
	{
		.name = "sql-rows-open",
		LEAK,
		.stack = {"database/sql.(*DB).conn"},
		.waits = {"select"},
		.when = {GROWS, MANY},
		.title = N_("callers wait for a database connection that nobody gives back"),
		.proof = {N_("a connection is given back by Rows.Close (or by reading to the end), "
			     "Tx.Commit or Tx.Rollback; who did not do so is in no stack")},
		.refuted_by = N_("connections that are busy in the database for as long"),
		.fix = N_(
			"defer rows.Close() behind each Query, end each transaction on every path, "
			"check rows.Err(); give queries a context with a deadline"),
		.relief = NO_RELIEF,
	},
	{
		.name = "logger-each",
		LEAK,
		.stack =
			{"...lumberjack....(*Logger).millRun|...lumberjack%2ev2.(*Logger).millRun"},
		.when = {GROWS, MANY},
		.blame = {"...lumberjack...", "...zap...|...logrus..."},
		.holds = {"...lumberjack..."},
		.title = N_("a new log writer for each call"),
		.proof = {N_("each of them belongs to one lumberjack.Logger; open files "
			     "{fds.files.before} -> {fds.files}")},
		.refuted_by = N_("a program that writes that many logs"),
		.fix = N_("make the writer once and share it; where it has to go, Close it (its "
			  "goroutine stays all the same up to lumberjack 2.2)"),
		.relief = NO_RELIEF,
	},
	{
		.name = "grpc-dial-each",
		LEAK,
		.created_by = "google.golang.org/grpc/internal/transport.NewHTTP2Client...|"
			      "google.golang.org/grpc/internal/transport.newHTTP2Client...|"
			      "google.golang.org/grpc/internal/grpcsync.NewCallbackSerializer|"
			      "google.golang.org/grpc.newCCBalancerWrapper",
		.when = {GROWS, MANY},
		.blame = {"google.golang.org/grpc.Dial...|google.golang.org/grpc.NewClient",
			  "google.golang.org/grpc...."},
		.holds = {"google.golang.org/grpc...", "golang.org/x/net/http2..."},
		.title = N_("a new gRPC connection for each call"),
		.refuted_by = N_("as many peers as connections"),
		.fix = N_("make one ClientConn and share it; Close those that go"),
		.relief = NO_RELIEF,
	},
	{
		.name = "grpc-stream-open",
		LEAK,
		.created_by = "google.golang.org/grpc.newClientStream...",
		.when = {GROWS, MANY},
		.blame = {"google.golang.org/grpc.newClientStream...", "google.golang.org/grpc..."},
		.holds = {"google.golang.org/grpc...", "golang.org/x/net/http2..."},
		.title = N_("gRPC streams that are neither read to their end nor cancelled"),
		.refuted_by = N_("streams that live as long by design"),
		.fix = N_("give each stream a context and cancel it, or Recv until an error"),
		.relief = NO_RELIEF,
	},
	{
		.name = "codec-open",
		LEAK,
		.created_by = "github.com/klauspost/compress/zstd...|github.com/pierrec/lz4...|"
			      "github.com/klauspost/pgzip...",
		.during = "github.com/klauspost/compress/zstd.(*Decoder).Read|"
			  "github.com/klauspost/compress/zstd.(*Decoder).WriteTo|"
			  "github.com/klauspost/compress/zstd.(*Encoder).Write|"
			  "github.com/pierrec/lz4/v4.(*Reader)...|"
			  "github.com/pierrec/lz4/v4.(*Writer)...|"
			  "github.com/klauspost/pgzip.(*Reader).Read|"
			  "github.com/klauspost/pgzip.(*Writer).Write",
		.when = {GROWS, "group >= 100", "group.during < 0.3 group"},
		.blame = {"github.com/klauspost/compress...|github.com/pierrec...|"
			  "github.com/klauspost/pgzip..."},
		.holds = {"github.com/klauspost/compress...|github.com/pierrec...|"
			  "github.com/klauspost/pgzip..."},
		.title = N_("decoders or encoders that are not closed"),
		.proof = {N_("goroutines that read or write through one right now: "
			     "{group.during}")},
		.refuted_by = N_("codecs that are in use, as many as goroutines"),
		.fix = N_("Close each decoder and encoder, or keep a few in a pool and Reset them"),
		.relief = NO_RELIEF,
	},
	{
		.name = "idle-connections",
		LEAK,
		.stack = {"net/http.(*conn).serve"},
		.waits = {"IO wait"},
		.without = {"net/http.serverHandler.ServeHTTP"},
		.when = {GROWS, MANY},
		.holds = {"net/http.newBufioReader|net/http.newBufioWriter...|"
			  "net/http.(*conn).serve|net/http.(*Server).newConn",
			  "crypto/tls...", "net.(*TCPListener)...|net.(*netFD)..."},
		.title = N_("connections of clients that stay open"),
		.proof = {N_("sockets {fds.sockets.before} -> {fds.sockets}; no handler runs in "
			     "them")},
		.refuted_by = N_("connections that close by themselves within the idle timeout"),
		.fix = N_(
			"set http.Server.IdleTimeout and ReadHeaderTimeout, and limit the number of "
			"connections"),
		.relief = N_("a load balancer that closes idle connections; the memory of each is "
			     "live as long as it is open"),
	},
	{
		.name = "idle-connections",
		LEAK,
		.stack = {"github.com/gorilla/websocket.(*Conn)...|"
			  "github.com/coder/websocket.(*Conn)...|"
			  "nhooyr.io/websocket.(*Conn)...|golang.org/x/net/websocket.(*Conn)...|"
			  "github.com/gobwas/ws/wsutil..."},
		.waits = {"IO wait", "select"},
		.when = {GROWS, MANY},
		.holds = {"github.com/gorilla/websocket...", "github.com/coder/websocket...",
			  "nhooyr.io/websocket...|golang.org/x/net/websocket...",
			  "net/http...|crypto/tls...|net.(*TCPListener)...|"
			  "github.com/gobwas/ws..."},
		.title = N_("websocket connections that stay open"),
		.proof = {N_("sockets {fds.sockets.before} -> {fds.sockets}; each of them keeps "
			     "its buffers")},
		.refuted_by = N_("connections that close by themselves, as many as come"),
		.fix = N_("ping, and set a read deadline, so that those whose peer is gone end; "
			  "limit their number; smaller buffers and a WriteBufferPool make each "
			  "of them cheaper"),
		.relief = N_("a load balancer that closes idle connections; the memory of each is "
			     "live as long as it is open"),
	},
	{
		.name = "idle-connections",
		LEAK,
		.stack = {"google.golang.org/grpc/internal/transport.(*http2Server).HandleStreams"},
		.waits = {"IO wait"},
		.when = {GROWS, MANY},
		.blame = {"google.golang.org/grpc.(*Server).Serve"},
		.along = "google.golang.org/grpc/internal/transport.NewServerTransport|"
			 "google.golang.org/grpc/internal/transport.newHTTP2Server",
		.holds = {"google.golang.org/grpc/internal/transport...",
			  "golang.org/x/net/http2...", "google.golang.org/grpc.(*Server)...",
			  "crypto/tls...|net.(*TCPListener)..."},
		.title = N_("connections of gRPC clients that stay open"),
		.proof = {N_("sockets {fds.sockets.before} -> {fds.sockets}; each of them keeps "
			     "its buffers")},
		.refuted_by = N_("connections that close by themselves, as many as come"),
		.fix = N_("clients that share one connection; on the server "
			  "keepalive.ServerParameters with MaxConnectionIdle and "
			  "MaxConnectionAge"),
		.relief = N_("a load balancer that closes idle connections; the memory of each is "
			     "live as long as it is open"),
	},
	{
		.name = "goroutine-network",
		LEAK,
		.generic = true,
		.waits = {"IO wait"},
		.when = {GROWS, MANY},
		.title = N_("goroutines that wait for the network without a deadline"),
		.proof = {N_("sockets {fds.sockets.before} -> {fds.sockets}")},
		.refuted_by = COMES_BACK,
		.fix = N_("set deadlines on connections, and limit how many there may be"),
		.relief = NO_RELIEF,
	},
	{
		// whatever they wait for: it is how many that is wrong
		.name = "fan-out",
		LEAK,
		.waits = {"sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock",
			  "semacquire", "select", "sleep"},
		.without = {"sync.(*WaitGroup).Wait"},
		.when = {GROWS, MANY, "group.fan >= 100"},
		.title = N_("one place starts goroutines without a bound"),
		.proof = {N_("for each goroutine that makes them, or waits until all are done, "
			     "there are {group.fan}")},
		.refuted_by = N_("a number that stays the same when more is to be done"),
		.fix = N_("bound it: errgroup.SetLimit, a semaphore, or a fixed number of workers"),
		.relief = N_("less load; a memory limit helps only with the garbage"),
	},
	{
		.name = "fan-out",
		LEAK,
		.generic = true,
		.waits = {"", "syscall", "sleep", "IO wait"},
		.when = {GROWS, MANY},
		.title = N_("one place starts goroutines without a bound"),
		.refuted_by = N_("a number that stays the same when more is to be done"),
		.fix = N_("bound it: errgroup.SetLimit, a semaphore, or a fixed number of workers"),
		.relief = N_("less load; a memory limit helps only with the garbage"),
	},
	{
		.name = "goroutine-mutex",
		LEAK,
		.waits = {"sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock",
			  "semacquire"},
		// the runtime's own semaphores are none: who allocates may wait for a collection
		.stack = {"sync...|internal/sync...|internal/poll..."},
		.without = {"sync.(*WaitGroup).Wait"},
		.when = {GROWS, MANY},
		.title = N_("goroutines that pile up at a lock"),
		.proof = {N_("who holds the lock has gone on, or returned without unlocking: that "
			     "cannot be seen in a stack; look for a path without Unlock, and for a "
			     "holder that is blocked itself")},
		.refuted_by = COMES_BACK,
		.fix = N_(
			"defer the Unlock right behind the Lock; hold no lock while waiting for a "
			"network, a channel or another lock"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-waitgroup",
		LEAK,
		.waits = {"sync.WaitGroup.Wait", "semacquire"},
		.stack = {"sync.(*WaitGroup).Wait"},
		.when = {GROWS, MANY},
		.title =
			N_("goroutines that wait for a WaitGroup whose counter never becomes zero"),
		.proof = {N_("workers of the same creator that still run: {group.others}")},
		.refuted_by = COMES_BACK,
		.fix = N_(
			"defer wg.Done() as the first statement of each worker, and Add before the "
			"go statement"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-cond",
		LEAK,
		.waits = {"sync.Cond.Wait"},
		.when = {GROWS, MANY},
		.title = N_("goroutines that wait for a condition that nobody signals"),
		.refuted_by = COMES_BACK,
		.fix = N_("Signal or Broadcast on each path that changes the condition, also on "
			  "errors"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-send",
		LEAK,
		.waits = {"chan send", "chan send (nil chan)"},
		.when = {GROWS, MANY, "?group.on_queue < 1"},
		.title =
			N_("goroutines that send to a channel from which nobody receives any more"),
		.refuted_by = COMES_BACK,
		.fix = N_("make the channel with room for one (make(chan T, 1)), or select on "
			  "ctx.Done() beside the send"),
		.relief = NO_RELIEF,
	},
	{
		.name = "queue-full",
		LEAK,
		.waits = {"chan send"},
		.when = {GROWS, MANY, "group.on_queue == 1", "queue.receivers == 0"},
		.title = N_("a queue is full, and producers wait for it"),
		.proof = {QUEUE_PROOF},
		.refuted_by = QUEUE_REFUTED,
		.fix = QUEUE_FIX,
		.relief = QUEUE_RELIEF,
	},
	{
		.name = "goroutine-ticker",
		LEAK,
		.waits = {"chan receive"},
		.when = {GROWS, MANY, "group.timers >= 80%"},
		.title = N_("goroutines that wait for a ticker for ever"),
		.proof = {N_("timers of the runtime: {timers.before} -> {timers}")},
		.refuted_by = COMES_BACK,
		.fix = N_("give the loop an end: select on ctx.Done(), or on a channel that a Stop "
			  "method closes, beside the ticker's channel, and call that when what it "
			  "is for is over; Stop of a Ticker does not end a range over its channel"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-receive",
		LEAK,
		.waits = {"chan receive", "chan receive (nil chan)"},
		.when = {GROWS, MANY, "?group.idle_pool < 1"},
		.title =
			N_("goroutines that receive from a channel to which nobody sends any more"),
		.refuted_by = COMES_BACK,
		.fix = N_(
			"close the channel when its sender is done, or select on ctx.Done() beside "
			"the receive"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-select",
		LEAK,
		.generic = true,
		.waits = {"select", "select (no cases)"},
		.when = {GROWS, MANY},
		.title = N_("goroutines that pile up in a select"),
		.refuted_by = COMES_BACK,
		.fix = N_("if what they wait for never comes: select on ctx.Done(), and cancel the "
			  "context; if it comes too slowly: bound how many run at once "
			  "(errgroup.SetLimit, a semaphore in front of the go statement)"),
		.relief = NO_RELIEF,
	},
	{
		.name = "deep-stack",
		LEAK,
		.few = true,
		.recursion = true,
		.explains = "group.stacks",
		.when = {"group.stack_size >= 256KiB", "group.stacks >= 8MiB"},
		.title = N_("stacks that are very deep"),
		.proof = {N_(
			"one stack is {group.stack_size}; a goroutine that does little has 2 to "
			"8 KiB")},
		.refuted_by = N_("stacks that shrink again at the next collections"),
		.fix = N_(
			"bound the recursion: limit the depth of the input, or walk with a list of "
			"what is left to do"),
		.relief = N_("none from outside: stacks are live; they shrink by half at each "
			     "collection once the recursion has returned"),
	},
	{
		.name = "finalizer-blocked",
		.subject = RULE_PROCESS,
		.classes = CLASS_BIT(CLASS_HEAP),
		.status = VERDICT_CAUSE,
		.even_flat = true,
		.stack = {"runtime.runfinq|runtime.runFinalizers"},
		.when = {"finalizers.running == 1", "finalizers.waiting.grown >= 500"},
		.surer = {"finalizers.waiting.grown >= 5000"},
		.sentence =
			N_("A finalizer does not return, and all finalizers run in one goroutine: "
			   "{finalizers.waiting.before} -> {finalizers.waiting} objects are dead "
			   "and wait for theirs, behind {where}."),
		.refuted_by = N_("objects that wait becoming fewer by themselves"),
		.fix = N_("let no finalizer block: no lock, no channel, no network in it; better, "
			  "Close explicitly and use runtime.AddCleanup"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-burst",
		.subject = RULE_PROCESS,
		.classes =
			CLASS_BIT(CLASS_HEAP) | CLASS_BIT(CLASS_STACKS) | CLASS_BIT(CLASS_RUNTIME),
		.status = VERDICT_CAUSE,
		.explains = "goroutines.dead_bytes",
		// not one that comes again: then they are used
		.when = {"goroutines.dead >= 20000", "goroutines.dead >= 10 goroutines",
			 "?between.goroutines.high < 0.5 goroutines.dead"},
		.surer = {"goroutines.dead >= 0"},
		.sentence = N_("A burst of goroutines is over, and what it needed stays: "
			       "{goroutines.dead} that ended keep {goroutines.dead_bytes}, "
			       "{goroutines} live."),
		.proof = {N_(
			"the runtime keeps the structure of each goroutine (some 450 bytes) for "
			"a new one, and never gives it back")},
		.refuted_by = N_("memory that falls when as many goroutines run again"),
		.fix = N_("bound how many run at once; a restart is what gives the memory back"),
		.relief = N_("none without a restart"),
	},
};

RULE_FAMILY(goroutine_family, rules);
