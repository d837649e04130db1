// SPDX-License-Identifier: Apache-2.0
// In: what a goroutine waits on. Out: a text.
#include "snapshot/block_text.h"

#include <inttypes.h>

#include "base/i18n.h"
#include "base/units.h"
#include "system/sockets.h"

enum { CASES_SHOWN = 4 };

static void add_waiters(const struct go_channel *channel, struct strbuf *out)
{
	if (channel->senders)
		strbuf_addf(out,
			    channel->senders == 1 ? _(", %s waits to send")
						  : _(", %s wait to send"),
			    human_count((int64_t)channel->senders).text);
	if (channel->receivers)
		strbuf_addf(out,
			    channel->receivers == 1 ? _(", %s waits to receive")
						    : _(", %s wait to receive"),
			    human_count((int64_t)channel->receivers).text);
}

static void add_channel(const struct go_channel *channel, struct strbuf *out)
{
	strbuf_addf(out, "channel 0x%" PRIx64 " (", channel->address);
	if (channel->timer)
		strbuf_add(out, _("of a timer"));
	else if (!channel->capacity)
		strbuf_add(out, _("unbuffered"));
	else
		strbuf_addf(out, _("buffer %llu of %llu"), (unsigned long long)channel->length,
			    (unsigned long long)channel->capacity);
	strbuf_addf(out, _(", elements of %llu bytes"), (unsigned long long)channel->element_bytes);
	add_waiters(channel, out);
	strbuf_add(out, channel->closed ? _(", closed)") : ")");
}

static void add_goroutines(const uint64_t *ids, uint32_t count, struct strbuf *out)
{
	uint32_t kept = count < REACH_HOLDERS_KEPT ? count : REACH_HOLDERS_KEPT;
	strbuf_add(out, count == 1 ? _(" goroutine ") : _(" goroutines "));
	for (uint32_t i = 0; i < kept; i++)
		strbuf_addf(out, "%s%" PRIu64, i ? _(", ") : "", ids[i]);
	if (count > kept)
		strbuf_add(out, _(" and others"));
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
		strbuf_add(out, _(", nobody else refers to it"));
	if (holders && holders->stuck) {
		strbuf_add(out, others ? _(", referred to by") : _(" but"));
		add_goroutines(holders->stuck_ids, holders->stuck, out);
		strbuf_add(out, holders->stuck == 1 ? _(", which nothing can wake itself")
						    : _(", which nothing can wake themselves"));
	}
	if (!others)
		return;
	strbuf_add(out, _(", referred to by"));
	if (holders->goroutines)
		add_goroutines(holders->goroutine_ids, holders->goroutines, out);
	if (holders->variables)
		strbuf_addf(out, _("%s the variable at 0x%llx%s"),
			    holders->goroutines ? _(",") : "",
			    (unsigned long long)holders->variable,
			    holders->variables > 1 ? _(" and others") : "");
	if (holders->heap_objects)
		strbuf_addf(out,
			    holders->heap_objects == 1 ? _("%s %u word of the heap")
						       : _("%s %u words of the heap"),
			    holders->goroutines || holders->variables ? _(",") : "",
			    (unsigned int)holders->heap_objects);
}

static void add_case(const struct block_texts *texts, const struct go_wait_case *wait,
		     struct strbuf *out)
{
	const struct go_channel *channel = &texts->blocks->channels.items[wait->channel];
	if (wait->known)
		strbuf_add(out, wait->sends ? _("send to ") : _("receive from "));
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
	strbuf_addf(out, block->cases_cut ? _("a select of %u or more: ") : _("a select of %u: "),
		    block->case_count);
	for (uint32_t i = 0; i < block->case_count && i < CASES_SHOWN; i++) {
		strbuf_add(out, i ? _("; ") : "");
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
	strbuf_add(out, what);
	if (left > 0)
		strbuf_addf(out, _("in %s"), human_duration(left).text);
	else
		strbuf_add(out, _("just now"));
}

static void add_network(const struct block_texts *texts, const struct go_block *block,
			struct strbuf *out)
{
	strbuf_addf(out, _("descriptor %llu: "), (unsigned long long)block->fd);
	if (texts->sockets && sockets_describe(texts->sockets, block->fd, out))
		strbuf_add(out, _(", "));
	strbuf_add(out, block->writes ? _("writes") : _("reads"));
	if (block->wakes_ns)
		add_time(texts, block, _(", deadline "), out);
	else
		strbuf_add(out, _(", no deadline"));
}

static void add_lock(const struct go_block *block, struct strbuf *out)
{
	switch (block->kind) {
	case GO_BLOCK_MUTEX:
		strbuf_addf(out, _("mutex 0x%llx (%s, %s waiting)"),
			    (unsigned long long)block->address,
			    block->locked ? _("locked") : _("not locked"),
			    human_count(block->waiters).text);
		break;
	case GO_BLOCK_RWMUTEX_READ:
	case GO_BLOCK_RWMUTEX_WRITE:
		strbuf_addf(out,
			    block->kind == GO_BLOCK_RWMUTEX_READ
				    ? _("RWMutex 0x%llx (%s readers counted%s), to read")
				    : _("RWMutex 0x%llx (%s readers counted%s), to write"),
			    (unsigned long long)block->address, human_count(block->count).text,
			    block->locked ? _(", a writer waits or holds it") : "");
		break;
	case GO_BLOCK_WAITGROUP:
		strbuf_addf(out, _("WaitGroup 0x%llx (counter %s)"),
			    (unsigned long long)block->address, human_count(block->count).text);
		break;
	case GO_BLOCK_COND:
		strbuf_addf(out, "Cond 0x%" PRIx64, block->address);
		break;
	default:
		strbuf_addf(out, _("semaphore 0x%llx"), (unsigned long long)block->address);
	}
}

// Go does not keep who has locked a mutex: a stack that refers to it is all there is to tell by.
static void add_lock_holder(const struct block_texts *texts, const struct go_block *block,
			    struct strbuf *out)
{
	const struct go_holders *holders =
		texts->reach ? go_reach_holders(texts->reach, block->address) : NULL;
	if (block->kind != GO_BLOCK_MUTEX || !block->locked)
		return;
	uint32_t stacks = holders ? holders->goroutines + holders->stuck : 0;
	if (!texts->reach)
		strbuf_add(out, _("; nobody looked for who holds it"));
	else if (!holders)
		strbuf_add(out, _("; who holds a lock that is a variable cannot be told"));
	else if (!stacks)
		strbuf_add(out, _("; who holds it cannot be told: no stack refers to it"));
	else
		strbuf_add(out, stacks == 1 ? _("; likely that goroutine holds it")
					    : _("; likely one of those goroutines holds it"));
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
		strbuf_add(
			out,
			_("nothing: neither a nil channel nor a select without cases is ever ready"));
		break;
	case GO_BLOCK_NETWORK:
		add_network(texts, block, out);
		break;
	case GO_BLOCK_SLEEP:
		strbuf_add(out, _("the clock"));
		add_time(texts, block, _(": it wakes "), out);
		break;
	default:
		add_lock(block, out);
		// Any code may know a lock that is a variable: nobody looked who does.
		if (texts->reach && go_reach_holders(texts->reach, block->address))
			add_holders(texts, block->address, out);
		add_lock_holder(texts, block, out);
	}
}
