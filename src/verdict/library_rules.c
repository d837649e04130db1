// SPDX-License-Identifier: Apache-2.0
// What the heap holds by way of a library: the standard one's or another's. The patterns are of
// what the program's own function calls: a middleware that calls it has no part in what it keeps.
#include "verdict/rules.h"

#define CALLS                                                                            \
	.subject = RULE_SITE, .classes = CLASS_BIT(CLASS_HEAP), .status = VERDICT_CAUSE, \
	.called = true
#define LATER \
	N_("a later capture in which this function's share is small while the memory is as large")
#define LIVE_RELIEF                                                                                  \
	N_("a memory limit for the runtime helps only where part of it is garbage already: see the " \
	   "lines above")
#define FLATE_READERS                                                                       \
	"compress/flate.(*decompressor)...|compress/gzip.(*Reader)...|"                     \
	"compress/zlib.(*reader)...|compress/bzip2...|compress/lzw.(*Reader)...|"           \
	"archive/zip.(*checksumReader)...|github.com/klauspost/compress/gzip.(*Reader)...|" \
	"github.com/klauspost/compress/flate.(*decompressor)...|"                           \
	"github.com/klauspost/compress/zstd.(*Decoder)...|github.com/andybalholm/brotli.(*Reader)..."

#define ROWS                                                                             \
	"database/sql.(*Rows)...|database/sql.convertAssign...|github.com/jackc/pgx...|" \
	"github.com/go-sql-driver/mysql..."

#define HTTP2_HANDLERS                                                                           \
	"net/http.(*http2serverConn).runHandler|"                                                \
	"net/http/internal/http2.(*serverConn).runHandler|golang.org/x/net/http2.(*serverConn)." \
	"runHandler"

static const struct rule rules[] = {
	{
		.name = "unpack-bomb",
		CALLS,
		.stack = {"io.ReadAll|io/ioutil.ReadAll|io/ioutil.readAll|"
			  "bytes.(*Buffer)...|strings.(*Builder)..."},
		.during = FLATE_READERS,
		.when = {"site.during >= 1", "site.object_size >= 1MiB"},
		.title = N_("compressed input is unpacked whatever its size"),
		.proof = {N_("goroutines that are unpacking there right now: {site.during}")},
		.refuted_by = LATER,
		.fix = N_(
			"limit what comes out (io.LimitReader on the unpacked side), not what goes "
			"in"),
		.relief = LIVE_RELIEF,
	},
	{
		// the whole output in one call
		.name = "unpack-bomb",
		CALLS,
		.stack = {"github.com/klauspost/compress/zstd.(*Decoder).DecodeAll|"
			  "github.com/golang/snappy.Decode|"
			  "github.com/klauspost/compress/snappy.Decode|"
			  "github.com/klauspost/compress/s2.Decode|"
			  "github.com/DataDog/zstd.Decompress"},
		.title = N_("compressed input is unpacked whatever its size"),
		.refuted_by = LATER,
		.fix = N_(
			"limit what comes out (io.LimitReader on the unpacked side), not what goes "
			"in"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "encoder-each",
		CALLS,
		.stack = {"compress/flate.NewWriter...|compress/flate.(*compressor)...|"
			  "compress/flate.newHuffman...|compress/gzip.(*Writer)...|"
			  "compress/zlib.(*Writer)...|"
			  "github.com/klauspost/compress/zstd.NewWriter|"
			  "github.com/klauspost/compress/zstd.(*Encoder)...|"
			  "github.com/klauspost/compress/flate.NewWriter...|"
			  "github.com/klauspost/compress/gzip.(*Writer)...|"
			  "github.com/andybalholm/brotli.(*Writer)...|"
			  "github.com/andybalholm/brotli.NewWriter..."},
		// what comes out of it
		.without = {"bytes.(*Buffer)...|github.com/klauspost/compress/zstd.(*Encoder)."
			    "EncodeAll"},
		.when = {"site.allocations >= 20", "site.kept <= 60%"},
		.title = N_("a new compressor for each request"),
		.proof = {N_(
			"one is {site.object_size} and more; {site.allocated} were allocated in "
			"all")},
		.refuted_by = LATER,
		.fix = N_("keep writers in a sync.Pool and Reset them; Close them when done"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "tls-config-each",
		CALLS,
		.stack = {"crypto/x509.(*CertPool)...|crypto/x509.SystemCertPool|"
			  "crypto/x509.loadSystemRoots|crypto/x509.ParseCertificate...|"
			  "crypto/tls.X509KeyPair|crypto/tls.LoadX509KeyPair|"
			  "crypto/tls.NewLRUClientSessionCache"},
		.without = {"crypto/tls.(*Conn)..."},
		.title = N_("certificates are loaded again for each configuration"),
		.proof = {N_("{site.allocations} allocations in all, {site.allocated}")},
		.refuted_by = LATER,
		.fix = N_("make one tls.Config (and one CertPool) and share it"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "metric-labels",
		CALLS,
		.stack = {"github.com/prometheus/client_golang/prometheus.(*MetricVec)...|"
			  "github.com/prometheus/client_golang/prometheus.(*metricMap)...|"
			  "github.com/prometheus/client_golang/prometheus.(*CounterVec)...|"
			  "github.com/prometheus/client_golang/prometheus.(*GaugeVec)...|"
			  "github.com/prometheus/client_golang/prometheus.(*HistogramVec)...|"
			  "github.com/prometheus/client_golang/prometheus.(*SummaryVec)...|"
			  "go.opentelemetry.io/otel/sdk/metric...|"
			  "go.opentelemetry.io/otel/metric...|"
			  "go.opentelemetry.io/otel/attribute..."},
		.title = N_("metrics with too many different labels"),
		.refuted_by = LATER,
		.fix = N_("drop labels whose values are ids, addresses or URLs"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "client-each",
		CALLS,
		.stack = {"github.com/redis/go-redis...|github.com/go-redis/redis...|"
			  "github.com/redis/rueidis...|go.mongodb.org/mongo-driver...|"
			  "github.com/IBM/sarama...|github.com/Shopify/sarama...|"
			  "github.com/nats-io/nats%2ego...|"
			  "github.com/elastic/go-elasticsearch..."},
		.partly =
			{"github.com/redis/go-redis/v9.New...|github.com/go-redis/redis/v8.New...|"
			 "github.com/redis/rueidis.NewClient|"
			 "go.mongodb.org/mongo-driver/mongo.Connect|"
			 "go.mongodb.org/mongo-driver/v2/mongo.Connect|"
			 "github.com/IBM/sarama.New...|github.com/Shopify/sarama.New...|"
			 "github.com/nats-io/nats%2ego.Connect|"
			 "github.com/elastic/go-elasticsearch/v8.New..."},
		// one client, and what it reads, would have hardly any of it
		.when = {"site.part >= 10% site"},
		.title = N_("a new client of a server for each call"),
		.proof = {N_("of it {site.part} are clients themselves, the rest their connections "
			     "and buffers; sockets {fds.sockets.before} -> {fds.sockets}")},
		.refuted_by = N_("a program that needs that many different servers"),
		.fix = N_("make one client at the start and share it: it has a pool of "
			  "connections and is safe for all goroutines; Close those that go"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "logger-with",
		CALLS,
		.stack =
			{"go.uber.org/zap.(*Logger).With...|go.uber.org/zap.(*SugaredLogger).With...|"
			 "github.com/sirupsen/logrus.(*Entry).With...|"
			 "github.com/sirupsen/logrus.(*Logger).With...|"
			 "github.com/rs/zerolog.Context...|github.com/rs/zerolog.Logger.With|"
			 "log/slog.(*Logger).With...|github.com/go-kit/log.With..."},
		.title = N_("loggers with fields of their own are kept, or grow with each With"),
		.proof = {N_("one allocation there is {site.object_size} on average; each With "
			     "copies the fields of all before it")},
		.refuted_by = LATER,
		.fix = N_("derive each logger from the one without fields, into a variable of the "
			  "round or the request (log := base.With(...)), never into the one that "
			  "it came from; and do not keep it"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "context-values",
		CALLS,
		.stack = {"context.WithValue"},
		.title = N_("contexts with values are kept, or wrapped again and again"),
		.refuted_by = LATER,
		.fix = N_("in a loop derive each context from the one before the loop, into a new "
			  "variable: ctx = context.WithValue(ctx, ...) makes a chain that only "
			  "grows, and keeps every value; do not store contexts"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "metrics-registry",
		CALLS,
		.stack = {"github.com/rcrowley/go-metrics..."},
		.title = N_("metrics that are registered under ever new names, and never "
			    "unregistered"),
		.refuted_by = LATER,
		.fix = N_("unregister each metric with what it is about, or have one for all; "
			  "where a library keeps them, give it a registry that does nothing"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "telemetry-queue",
		CALLS,
		.stack =
			{"go.opentelemetry.io/otel/sdk/trace...|go.opentelemetry.io/otel/sdk/log..."},
		.title = N_("spans or log records that wait to be exported"),
		.refuted_by = LATER,
		.fix = N_("keep the queue at its usual size and let it drop what is too much; "
			  "sample; look why the exporter does not get rid of them"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "http2-buffers",
		CALLS,
		.stack = {"net/http.(*http2dataBuffer)...|net/http/internal/http2.(*dataBuffer)...|"
			  "golang.org/x/net/http2.(*dataBuffer)..."},
		.blame = {HTTP2_HANDLERS},
		.during = HTTP2_HANDLERS,
		.title = N_("what clients upload over HTTP/2 waits in buffers until a handler "
			    "reads it"),
		.proof = {N_("requests in handlers: {site.during}; each connection may have 1 MiB "
			     "that nobody has read, if the server does not say otherwise")},
		.refuted_by = LATER,
		.fix = N_("read the body at once or refuse the request; limit the connections; "
			  "http.HTTP2Config: MaxReceiveBufferPerConnection and "
			  "MaxReceiveBufferPerStream"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "protobuf-kept",
		CALLS,
		.stack = {"google.golang.org/protobuf...|github.com/golang/protobuf...|"
			  "github.com/gogo/protobuf..."},
		.title = N_("decoded protobuf messages are kept"),
		.refuted_by = LATER,
		.fix = N_(
			"copy the few fields that are needed and let the message go; who keeps it "
			"may be another function"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "sql-result",
		CALLS,
		.stack = {ROWS},
		.when = {"site.append >= 3% site", "?site.map < 3% site"},
		.title = N_("a whole result of a query is in memory"),
		.refuted_by = LATER,
		.fix = N_("page through it, or write each row to where it goes"),
		.relief = LIVE_RELIEF,
	},
	{
		.name = "sql-result",
		CALLS,
		.stack = {ROWS},
		.during = ROWS,
		.when = {"site.during >= 1", "?site.map < 3% site"},
		.title = N_("a whole result of a query is in memory"),
		.proof = {N_("goroutines that are reading rows there right now: {site.during}")},
		.refuted_by = LATER,
		.fix = N_("page through it, or write each row to where it goes"),
		.relief = LIVE_RELIEF,
	},
};

RULE_FAMILY(library_family, rules);
