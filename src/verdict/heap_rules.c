// SPDX-License-Identifier: Apache-2.0
// What the heap holds, by how it was allocated. Patterns are of the stack from the allocation
// outwards; the function named is the nearest one of the program's own.
#include "verdict/rules.h"

#define HOLDER .subject = RULE_SITE, .classes = CLASS_BIT(CLASS_HEAP), .status = VERDICT_CAUSE
#define LATER \
	N_("a later capture in which this function's share is small while the memory is as large")
#define LIVE_RELIEF                                                                                  \
	N_("a memory limit for the runtime helps only where part of it is garbage already: see the " \
	   "lines above")

#define HANDLERS                                                         \
	"net/http.(*conn).serve|net/http.(*http2serverConn).runHandler|" \
	"net/http/internal/http2.(*serverConn).runHandler|"              \
	"golang.org/x/net/http2.(*serverConn).runHandler|"               \
	"google.golang.org/grpc.(*Server).handleStream"

#define IMAGES "image.New...|image/png...|image/jpeg...|image/gif...|golang.org/x/image..."

static const struct rule rules[] = {
	{
		.name = "read-all",
		HOLDER,
		.stack = {"io.ReadAll|io/ioutil.ReadAll|io/ioutil.readAll|os.ReadFile|"
			  "encoding/csv.(*Reader).ReadAll"},
		.title = N_("whole streams are read into memory"),
		.proof = {N_("one of them is {site.object_size} on average")},
		.refuted_by = LATER,
		.fix = N_(
			"do not read the whole stream: io.LimitReader or http.MaxBytesReader, and "
			"process it in pieces"),
		.relief = LIVE_RELIEF,
	},
	{
		// in a wrapper's Write, by httputil.DumpRequest, or as the body is read
		.name = "dump-bodies",
		HOLDER,
		.stack = {"bytes.(*Buffer)...|strings.(*Builder).Write...",
			  "....Write...|bytes.(*Buffer).ReadFrom|io.(*teeReader).Read|"
			  "net/http/httputil...",
			  "net/http...|github.com/gin-gonic/gin...|github.com/labstack/echo...|"
			  "github.com/go-chi..."},
		.without = {"io.ReadAll|encoding/json...|html/template...|text/template...",
			    "compress/..."},
		.title = N_("whole bodies of requests or responses are copied into memory"),
		.proof = {N_("one copy is {site.object_size} on average; a buffer that is full "
			     "doubles, and is there twice meanwhile")},
		.refuted_by = LATER,
		.fix = N_("keep the first few KiB and the length of what is written, and only of "
			  "answers that are text"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "json-any",
		HOLDER,
		.stack = {"encoding/json.(*decodeState).objectInterface|"
			  "encoding/json.(*decodeState).arrayInterface|"
			  "encoding/json.(*decodeState).valueInterface|"
			  "encoding/json.(*decodeState).literalInterface"},
		.title = N_("JSON is decoded into maps and interfaces"),
		.proof = {N_("that takes many times what the text has")},
		.refuted_by = LATER,
		.fix = N_("decode into typed structs, with json.Decoder in pieces, and limit the "
			  "input"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "json-large",
		HOLDER,
		.stack = {"encoding/json..."},
		.called = true,
		.generic = true,
		// many small ones that are kept are a trouble of who keeps them
		.when = {"?site.map < 3% site", "?site.main_object >= 64KiB"},
		.title = N_("JSON that is decoded or encoded as a whole"),
		.refuted_by = LATER,
		.fix = N_("decode and encode in pieces, straight from and to the stream, and limit "
			  "the input"),
		.relief = LIVE_RELIEF,
	},
	{
		// many more than anybody works on: they are kept
		.name = "image-large",
		HOLDER,
		.stack = {IMAGES},
		.when = {"site.objects >= 8", "goroutines >= 1", "site.objects >= 4 site.inside"},
		.title = N_("images are kept as pixels"),
		.proof = {N_("there are {site.objects} of them, {site.object_size} each on "
			     "average; goroutines that work there: {site.inside}")},
		.refuted_by = LATER,
		.fix = N_("bound what keeps them by bytes (a cache that counts entries does not), "
			  "and keep the file instead of the pixels; look at image.DecodeConfig "
			  "first and refuse what is too large"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "image-large",
		HOLDER,
		.stack = {IMAGES},
		.title = N_("images are decoded whatever their size"),
		.proof = {N_(
			"one of them is {site.object_size} on average: width times height times "
			"the bytes of a pixel, however small the file is")},
		.refuted_by = LATER,
		.fix = N_(
			"look at image.DecodeConfig first and refuse what is too large; limit how "
			"many are decoded at once"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "regexp-each",
		HOLDER,
		.stack = {"regexp.compile|regexp.Compile|regexp.MustCompile|regexp/syntax.Parse|"
			  "regexp.newRegexp"},
		.title = N_("regular expressions are compiled again and again, and kept"),
		.refuted_by = LATER,
		.fix = N_("compile once, in a package variable; bound a cache of those that users "
			  "write"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "context-uncancelled",
		HOLDER,
		.stack = {"context.(*cancelCtx).propagateCancel|context.propagateCancel|"
			  "context.WithCancel|context.withCancel|context.WithDeadline...|"
			  "context.WithTimeout|context.WithCancelCause|context.newCancelCtx"},
		.title = N_("contexts that are never cancelled pile up in their parent"),
		.refuted_by = LATER,
		.fix = N_("defer cancel() right behind each WithCancel, WithTimeout and "
			  "WithDeadline"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "timers-pile-up",
		HOLDER,
		.stack = {"time.NewTimer|time.NewTicker|time.After|time.Tick|time.AfterFunc|"
			  "time.newTimer"},
		.title = N_("timers that are not stopped pile up"),
		.proof = {N_("timers of the runtime: {timers.before} -> {timers}")},
		.refuted_by = LATER,
		.fix = N_(
			"Stop each Ticker; instead of time.After in a loop make one Timer and Reset "
			"it. With Go 1.23, and go 1.23 in go.mod, those that nobody refers to are "
			"collected"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "pool-giants",
		HOLDER,
		.explains = "pools.bytes",
		.when = {"pools.bytes >= 16MiB", "pools.largest >= 256KiB",
			 "site.whole >= 0.5 pools.bytes", "site.object_size >= 32KiB",
			 "?cpu.available > 0.17 procs"},
		.title = N_("buffers that became large lie in a sync.Pool"),
		.proof = {N_("{pools.objects} objects lie in pools and hold {pools.bytes}; the "
			     "largest buffer is {pools.largest}")},
		.refuted_by = N_("pools that stay as large after two collections without load: "
				 "they drop then what nobody took out"),
		.fix = N_(
			"look at the size before Put, and let go of what is too large (say, above 64 KiB); or keep a pool for each size"),
		.relief = N_("less load: what lies in a pool for two collections is let go"),
	},
	{
		.name = "queue-backlog",
		HOLDER,
		.explains = "queue.bytes",
		.when = {"queue.bytes >= 8MiB", "queue.receivers == 0",
			 "site.whole >= 0.5 queue.bytes",
			 "?queue.length.grown >= 0.1 queue.length"},
		.title = N_("what waits in a queue, whose consumers are too slow"),
		.proof = {QUEUE_PROOF},
		.refuted_by = QUEUE_REFUTED,
		.fix = QUEUE_FIX,
		.relief = QUEUE_RELIEF,
	},
	{
		.name = "defer-in-loop",
		HOLDER,
		.when = {"site.defer >= 20% site"},
		.title = N_("a defer statement in a loop that does not end"),
		.proof = {N_("records of deferred calls: {site.defer}; open files "
			     "{fds.files.before} -> {fds.files}")},
		.refuted_by = N_("memory that falls when the function returns"),
		.fix = N_(
			"put the body of the loop into a function of its own, so that the deferred "
			"calls run at the end of each round"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "sync-map-grows",
		HOLDER,
		.stack = {"sync.(*Map)...|internal/sync.(*HashTrieMap..."},
		.title = N_("a sync.Map that grows"),
		.refuted_by = LATER,
		.fix = N_("delete what is old, or use a cache with a size and a time to live"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "list-grows",
		HOLDER,
		.generic = true,
		.partly = {"container/list.(*List)..."},
		.when = {"site.part >= 3% site", "?site.part >= 0.5 site.append"},
		.title = N_("a list that grows"),
		.proof = {N_("{site.part} of it are the list's own elements, the rest what is in "
			     "them")},
		.refuted_by = LATER,
		.fix = N_("bound it: drop the oldest, or make the producer wait"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "huge-object",
		HOLDER,
		.without = {"bytes.(*Buffer)...|io.ReadAll|io/ioutil..."},
		.when = {"site.object_size >= 64MiB", "site.objects <= 8"},
		.title = N_("one allocation that is huge"),
		.proof = {N_("one object is {site.object_size}")},
		.refuted_by = LATER,
		.fix = N_(
			"check sizes that come from outside before memory is made for them; read in "
			"pieces"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "too-many-workers",
		HOLDER,
		.when = {"site.workers >= 32", "site.workers >= 8 procs"},
		.title = N_(
			"more workers than there are processors for, each with memory of its own"),
		.proof = {N_("{site.workers} goroutines run it, {procs} at a time (GOMAXPROCS); "
			     "each holds {site.worker_bytes} on average")},
		.refuted_by = N_("as much memory with as many workers as there are processors"),
		.fix = N_("start as many workers as there are processors (runtime.GOMAXPROCS(0)), "
			  "not as a large machine has; and bound the queue in front of them"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "copy-each-request",
		HOLDER,
		.stack = {HANDLERS},
		.when = {"site.kept <= 45%", "site.map >= 3% site"},
		.title =
			N_("the same is made anew for each request, and many requests run at once"),
		.proof = {N_("{site.allocated} were allocated there in all; {site.kept} of it is "
			     "held")},
		.refuted_by = N_("memory that stays when there are no requests"),
		.fix = N_(
			"make it once, when its data changes, and let all requests read that one; "
			"until then limit how many requests run at once"),
		.relief = N_("a memory limit for the runtime helps: much of it is garbage soon"),
	},
	{
		.name = "copy-each-request",
		HOLDER,
		.stack = {HANDLERS},
		.when = {"site.requests >= 8", "site.request_bytes >= 1MiB", "site.map >= 3% site",
			 "?site.before <= 0.2 site"},
		.title =
			N_("the same is made anew for each request, and many requests run at once"),
		.proof = {N_(
			"{site.requests} requests are in it, and hold {site.request_bytes} each "
			"on average")},
		.refuted_by = N_("memory that stays when there are no requests"),
		.fix = N_(
			"make it once, when its data changes, and let all requests read that one; "
			"until then limit how many requests run at once"),
		.relief =
			N_("fewer requests at once; a memory limit for the runtime helps with what "
			   "is garbage already"),
	},
	{
		.name = "map-grows",
		HOLDER,
		.generic = true,
		// else each of many has a small one
		.when = {"site.map >= 3% site", "site.map >= 0.5 site.append",
			 "?site.map_object >= 4KiB"},
		.title = N_("a map that grows"),
		.proof = {N_(
			"{site.map} of it are tables of maps that were made or grew there, the "
			"rest keys and values")},
		.refuted_by = LATER,
		.fix = N_("bound it: delete what is old (a time to live), or cap its size"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "append-grows",
		HOLDER,
		.generic = true,
		// what grows there is a text or a buffer, and each for itself
		.without = {"bytes.(*Buffer)...|strings.(*Builder)..."},
		// else each of many has one
		.when = {"site.append >= 10% site", "site.append > 2 site.map",
			 "?site.append_object >= 0.5% site.append"},
		.title = N_("a slice that grows"),
		.proof = {N_("{site.append} of it are slices that grew there")},
		.refuted_by = LATER,
		.fix = N_(
			"bound it: a ring of fixed size, or cut off what was processed (and copy the "
			"rest, or the old array stays)"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "finalizer-cycle",
		HOLDER,
		.generic = true,
		.when = {"finalizers.set.grown >= 500", "finalizers.set.grown >= 0.1 site.objects",
			 "?fds.grown < 0.5 finalizers.set.grown",
			 "?finalizers.waiting < 0.5 finalizers.set"},
		.title = N_("objects with a finalizer that never runs"),
		.proof = {N_("objects with a finalizer: {finalizers.set.before} -> "
			     "{finalizers.set}; {finalizers.waiting} of these wait for theirs to "
			     "run")},
		.refuted_by = N_("finalizers that run, and objects that become fewer, at the next "
				 "collections"),
		.fix = N_("an object with a finalizer that can be reached from itself is never "
			  "collected: break the cycle, or set the finalizer on a small object "
			  "beside it; use runtime.AddCleanup (Go 1.24), and Close explicitly. If "
			  "there is no cycle, something still holds them"),
		.relief = LIVE_RELIEF,
	},
};

RULE_FAMILY(heap_family, rules);
