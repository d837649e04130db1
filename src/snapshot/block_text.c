// SPDX-License-Identifier: Apache-2.0
// In: what a goroutine waits on. Out: a text.
#include "snapshot/block_text.h"

#include <inttypes.h>

#include "base/units.h"
#include "system/sockets.h"

enum { CASES_SHOWN = 4 };

static void add_waiters(const struct go_channel *channel, struct strbuf *out)
{
	if (channel->senders)
		strbuf_addf(out, ", %s %s to send", human_count((int64_t)channel->senders).text,
			    channel->senders == 1 ? "waits" : "wait");
	if (channel->receivers)
		strbuf_addf(out, ", %s %s to receive",
			    human_count((int64_t)channel->receivers).text,
			    channel->receivers == 1 ? "waits" : "wait");
}

static void add_channel(const struct go_channel *channel, struct strbuf *out)
{
	strbuf_addf(out, "channel 0x%" PRIx64 " (", channel->address);
	if (channel->timer)
		strbuf_add(out, "of a timer");
	else if (!channel->capacity)
		strbuf_add(out, "unbuffered");
	else
		strbuf_addf(out, "buffer %" PRIu64 " of %" PRIu64, channel->length,
			    channel->capacity);
	strbuf_addf(out, ", elements of %" PRIu64 " bytes", channel->element_bytes);
	add_waiters(channel, out);
	strbuf_add(out, channel->closed ? ", closed)" : ")");
}

static void add_goroutines(const uint64_t *ids, uint32_t count, struct strbuf *out)
{
	uint32_t kept = count < REACH_HOLDERS_KEPT ? count : REACH_HOLDERS_KEPT;
	strbuf_add(out, count == 1 ? " goroutine " : " goroutines ");
	for (uint32_t i = 0; i < kept; i++)
		strbuf_addf(out, "%s%" PRIu64, i ? ", " : "", ids[i]);
	if (count > kept)
		strbuf_add(out, " and others");
}

// Who of those that were found to be able to run refers to it.
static void add_holders(const struct block_texts *texts, taddr_t object, struct strbuf *out)
{
	if (!texts->reach)
		return;
	const struct go_holders *holders = go_reach_holders(texts->reach, object);
	uint32_t others =
		holders ? holders->goroutines + holders->variables + holders->heap_objects : 0;
	if (!others)
		strbuf_add(out, ", nobody else refers to it");
	if (holders && holders->stuck) {
		strbuf_add(out, others ? ", referred to by" : " but");
		add_goroutines(holders->stuck_ids, holders->stuck, out);
		strbuf_addf(out, ", which nothing can wake %s",
			    holders->stuck == 1 ? "itself" : "themselves");
	}
	if (!others)
		return;
	strbuf_add(out, ", referred to by");
	if (holders->goroutines)
		add_goroutines(holders->goroutine_ids, holders->goroutines, out);
	if (holders->variables)
		strbuf_addf(out, "%s the variable at 0x%" PRIx64 "%s",
			    holders->goroutines ? "," : "", holders->variable,
			    holders->variables > 1 ? " and others" : "");
	if (holders->heap_objects)
		strbuf_addf(out, "%s %" PRIu32 " word%s of the heap",
			    holders->goroutines || holders->variables ? "," : "",
			    holders->heap_objects, holders->heap_objects == 1 ? "" : "s");
}

static void add_case(const struct block_texts *texts, const struct go_wait_case *wait,
		     struct strbuf *out)
{
	const struct go_channel *channel = &texts->blocks->channels.items[wait->channel];
	if (wait->known)
		strbuf_add(out, wait->sends ? "send to " : "receive from ");
	add_channel(channel, out);
	add_holders(texts, channel->address, out);
}

static void add_cases(const struct block_texts *texts, const struct go_block *block,
		      struct strbuf *out)
{
	if (block->kind == GO_BLOCK_CHANNEL) {
		const struct go_channel *channel =
			&texts->blocks->channels.items[block->cases[0].channel];
		add_channel(channel, out);
		add_holders(texts, channel->address, out);
		return;
	}
	strbuf_addf(out, "a select of %u%s: ", block->case_count,
		    block->cases_cut ? " or more" : "");
	for (uint32_t i = 0; i < block->case_count && i < CASES_SHOWN; i++) {
		strbuf_add(out, i ? "; " : "");
		add_case(texts, &block->cases[i], out);
	}
	if (block->case_count > CASES_SHOWN)
		strbuf_add(out, "; ...");
}

static void add_time(const struct block_texts *texts, const struct go_block *block,
		     const char *what, struct strbuf *out)
{
	int64_t left = block->wakes_ns - texts->now_ns;
	if (!block->wakes_ns || !texts->now_ns)
		return;
	strbuf_addf(out, "%s%s", what, left > 0 ? "in " : "just now");
	if (left > 0)
		strbuf_add(out, human_duration(left).text);
}

static void add_network(const struct block_texts *texts, const struct go_block *block,
			struct strbuf *out)
{
	strbuf_addf(out, "descriptor %" PRIu64 ": ", block->fd);
	if (texts->sockets && sockets_describe(texts->sockets, block->fd, out))
		strbuf_add(out, ", ");
	strbuf_add(out, block->writes ? "writes" : "reads");
	if (block->wakes_ns)
		add_time(texts, block, ", deadline ", out);
	else
		strbuf_add(out, ", no deadline");
}

static void add_lock(const struct go_block *block, struct strbuf *out)
{
	switch (block->kind) {
	case GO_BLOCK_MUTEX:
		strbuf_addf(out, "mutex 0x%" PRIx64 " (%s, %s waiting)", block->address,
			    block->locked ? "locked" : "not locked",
			    human_count(block->waiters).text);
		break;
	case GO_BLOCK_RWMUTEX_READ:
	case GO_BLOCK_RWMUTEX_WRITE:
		strbuf_addf(out, "RWMutex 0x%" PRIx64 " (%s readers counted%s), to %s",
			    block->address, human_count(block->count).text,
			    block->locked ? ", a writer waits or holds it" : "",
			    block->kind == GO_BLOCK_RWMUTEX_READ ? "read" : "write");
		break;
	case GO_BLOCK_WAITGROUP:
		strbuf_addf(out, "WaitGroup 0x%" PRIx64 " (counter %s)", block->address,
			    human_count(block->count).text);
		break;
	case GO_BLOCK_COND:
		strbuf_addf(out, "Cond 0x%" PRIx64, block->address);
		break;
	default:
		strbuf_addf(out, "semaphore 0x%" PRIx64, block->address);
	}
}

void block_describe(const struct block_texts *texts, const struct go_block *block,
		    struct strbuf *out)
{
	switch (block->kind) {
	case GO_BLOCK_UNKNOWN:
		break;
	case GO_BLOCK_CHANNEL:
	case GO_BLOCK_SELECT:
		add_cases(texts, block, out);
		break;
	case GO_BLOCK_FOR_EVER:
		strbuf_add(out, "nothing: neither a nil channel nor a select without cases is ever "
				"ready");
		break;
	case GO_BLOCK_NETWORK:
		add_network(texts, block, out);
		break;
	case GO_BLOCK_SLEEP:
		strbuf_add(out, "the clock");
		add_time(texts, block, ": it wakes ", out);
		break;
	default:
		add_lock(block, out);
		// Any code may know a lock that is a variable: nobody looked who does.
		if (texts->reach && go_reach_holders(texts->reach, block->address))
			add_holders(texts, block->address, out);
	}
}
