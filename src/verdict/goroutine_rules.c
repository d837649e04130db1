// SPDX-License-Identifier: Apache-2.0
// Goroutines that wait for what never comes. The ones that name a library first: where they fit
// they say more than those that only know the kind of wait.
#include "verdict/rules.h"

#define LEAK  .subject = RULE_GROUP, .classes = CLASSES_GO, .status = VERDICT_CAUSE
#define GROWS "group.rise >= 100", "group.rise_share >= 30%"
// Without a baseline only very many of one kind are a leak; with one they have to grow by a tenth.
#define MANY "?group.before < 0.9 group", "group >= 200"
#define NO_RELIEF                                                                                \
	N_("none from outside: what goroutines keep is live, and a memory limit only makes the " \
	   "collector run more often")

static const struct rule rules[] = {
	{
		.name = "http-body-open",
		LEAK,
		.stack = {"net/http.(*persistConn).readLoop"},
		.waits = {"select"},
		.when = {GROWS, MANY},
		.blame = {"net/http.(*Client).do|net/http.(*Client).Do|net/http.(*Client).Get",
			  "net/http.Get|net/http.(*Transport).RoundTrip", "net/http.NewRequest..."},
		.holds = {"net/http.(*Transport).dialConn...|net/http.(*persistConn)...",
			  "crypto/tls...|crypto/x509...",
			  "net/http.(*Client)...|net/http.NewRequest...",
			  "net/http.readTransfer...|net/http.ReadResponse"},
		.title = N_("response bodies of an HTTP client are not closed"),
		.proof =
			{N_("each of them is a connection that waits for its response's body to be "
			    "read to the end or closed; sockets {fds.sockets.before} -> "
			    "{fds.sockets}"),
			 N_("connections that idle in a pool would wait in IO wait instead")},
		.refuted_by = N_("connections that go away when the caller's bodies are closed on "
				 "every path, and goroutines that stay all the same"),
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
		.blame = {"net/http.(*Client).do|net/http.(*Client).Do|net/http.(*Client).Get",
			  "net/http.(*Transport).RoundTrip"},
		.holds = {"net/http.(*Transport).dialConn...|net/http.(*persistConn)...",
			  "crypto/tls...|crypto/x509..."},
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
		.name = "goroutine-send",
		LEAK,
		.waits = {"chan send", "chan send (nil chan)"},
		.when = {GROWS, MANY},
		.title =
			N_("goroutines that send to a channel from which nobody receives any more"),
		.refuted_by =
			N_("the same goroutines finishing later: their number falls by itself"),
		.fix = N_("make the channel with room for one (make(chan T, 1)), or select on "
			  "ctx.Done() beside the send"),
		.relief = NO_RELIEF,
	},
	{
		.name = "goroutine-receive",
		LEAK,
		.waits = {"chan receive", "chan receive (nil chan)"},
		.without = {"time.Sleep"},
		.when = {GROWS, MANY},
		.title =
			N_("goroutines that receive from a channel to which nobody sends any more"),
		.refuted_by =
			N_("the same goroutines finishing later: their number falls by itself"),
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
		.title = N_("goroutines that wait in a select for what never comes"),
		.refuted_by =
			N_("the same goroutines finishing later: their number falls by itself"),
		.fix = N_("give it a way to end: select on ctx.Done(), and cancel the context"),
		.relief = NO_RELIEF,
	},
};

RULE_FAMILY(goroutine_family, rules);
