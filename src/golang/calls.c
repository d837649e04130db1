// SPDX-License-Identifier: Apache-2.0
// In: program counters from stacks. Out: what is at each, looked up once.
#include "golang/calls.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"

enum { INLINED_MAX = 256 };

struct go_calls {
	struct functab *functab;
	struct arena arena;
	struct map by_pc[2]; // for return addresses and for traps: index in `list`
	VEC(const struct go_call *) list;
};

struct go_calls *go_calls_new(struct functab *functab)
{
	struct go_calls *calls = alloc_zero(sizeof *calls);
	calls->functab = functab;
	return calls;
}

void go_calls_free(struct go_calls *calls)
{
	if (!calls)
		return;
	map_deinit(&calls->by_pc[0]);
	map_deinit(&calls->by_pc[1]);
	vec_deinit(&calls->list);
	arena_deinit(&calls->arena);
	free(calls);
}

static enum go_call_kind kind_of(const char *function)
{
	if (strncmp(function, "runtime.", 8) != 0)
		return GO_CALL_NORMAL;
	const char *name = function + 8;
	if (strcmp(name, "sigpanic") == 0 || strcmp(name, "asyncPreempt") == 0 ||
	    strncmp(name, "debugCallV", 10) == 0)
		return GO_CALL_INJECTED;
	return strcmp(name, "cgocallback") == 0 ? GO_CALL_CGO_CALLBACK : GO_CALL_NORMAL;
}

static bool add_frames(struct go_calls *calls, struct go_call *call)
{
	taddr_t pcs[INLINED_MAX];
	size_t count = functab_expand(calls->functab, call->call_pc, pcs, INLINED_MAX);
	const struct go_frame **frames = arena_array(&calls->arena, count, sizeof *frames);
	if (!frames || !count)
		return false;
	for (size_t i = 0; i < count; i++)
		frames[i] = functab_frame(calls->functab, pcs[i]);
	call->frames = frames;
	call->frame_count = count;
	return true;
}

static const struct go_call *make_call(struct go_calls *calls, taddr_t pc, bool trap)
{
	static const struct go_call nothing = {.function = {.name = "", .frame_size = -1}};
	struct go_call *call = arena_alloc(&calls->arena, sizeof *call);
	if (!call)
		return &nothing;
	*call = nothing;
	call->pc = call->call_pc = pc;
	taddr_t entry = functab_entry(calls->functab, pc);
	if (!trap && pc > entry) // else it has not run yet: it is where it will begin
		call->call_pc--;
	// The way to the caller is that of `pc` itself; what was done there is its instruction's.
	if (entry && functab_function(calls->functab, pc, &call->function) &&
	    add_frames(calls, call)) {
		call->valid = true;
		call->kind = kind_of(call->function.name);
	}
	return call;
}

const struct go_call *go_calls_find(struct go_calls *calls, taddr_t pc, bool trap)
{
	bool is_new;
	uint64_t *index = map_put(&calls->by_pc[trap], pc, calls->list.count, &is_new);
	return is_new ? *vec_push(&calls->list, make_call(calls, pc, trap))
		      : calls->list.items[*index];
}

static bool starts_panic(const struct go_frame *frame)
{
	const char *name = frame ? frame->function : "";
	return strcmp(name, "runtime.gopanic") == 0 || strcmp(name, "runtime.sigpanic") == 0 ||
	       strcmp(name, "runtime.panicwrap") == 0;
}

bool go_frame_is_elided(const struct go_frame *frame, const struct go_frame *callee)
{
	return frame->wrapper && !starts_panic(callee);
}

// "runtime.GC", "runtime.(*Func).Entry": what a program can call by itself.
static bool is_exported(const char *name)
{
	const char *last = strrchr(name, '.'), *receiver = name;
	const char *base = last ? last + 1 : name;
	if (*base < 'A' || *base > 'Z')
		return false;
	if (!last)
		return true;
	if (last - receiver >= 3 && strncmp(receiver, "(*", 2) == 0 && last[-1] == ')')
		receiver += 2;
	return *receiver >= 'A' && *receiver <= 'Z';
}

bool go_frame_is_shown(const struct go_frame *frame, bool first, const struct go_frame *callee)
{
	const char *name = frame->function;
	if (go_frame_is_elided(frame, callee))
		return false;
	if (strncmp(name, "runtime.", 8) != 0)
		return strchr(name, '.') != NULL;
	name += 8;
	if (strcmp(name, "runFinalizers") == 0 || strcmp(name, "runCleanups") == 0)
		return true;
	return strcmp(name, "gopanic") == 0 ? !first : is_exported(name);
}
