// SPDX-License-Identifier: Apache-2.0
// In: the lines of one goroutine. Out: a group, or one more in a group.
#include "crash/block.h"

#include "crash/model_priv.h"

enum { TEXT_MAX = 1 << 20, STATE_MAX = 256 };

void block_deinit(struct block *block)
{
	strbuf_deinit(&block->text);
	strbuf_deinit(&block->state);
	strbuf_deinit(&block->labels);
	strbuf_deinit(&block->addresses);
	vec_deinit(&block->lines);
}

bool block_is_open(const struct block *block)
{
	return block->is_open;
}

bool block_wants_file(const struct block *block)
{
	return block->lines.count && !block->lines.items[block->lines.count - 1].path_length;
}

uint64_t block_id(const struct block *block)
{
	return block->header.kind == LINE_HEADER ? block->header.number : 0;
}

static uint32_t keep(struct block *block, struct span text)
{
	uint32_t at = (uint32_t)block->text.length;
	strbuf_add_bytes(&block->text, text.at, text.length);
	return at;
}

static void replace(struct strbuf *buffer, struct span text)
{
	strbuf_clear(buffer);
	strbuf_add(buffer, ""); // not NULL
	if (text.length)
		strbuf_add_bytes(buffer, text.at,
				 text.length < STATE_MAX ? text.length : STATE_MAX);
}

// Copies the header's texts, which its line has only borrowed.
static void keep_header(struct block *block, const struct crash_line *header)
{
	struct span title = header->kind == LINE_RACE_ACCESS ? header->text : header->state;
	if (header->kind == LINE_RUNTIME_STACK)
		title = SPAN("runtime stack");
	replace(&block->state, title);
	replace(&block->labels, header->labels);
	block->header = *header;
}

static struct span state_of(const struct block *block)
{
	return (struct span){block->state.text, block->state.length};
}

void block_begin(struct block *block, const struct crash_line *header)
{
	block->is_open = true;
	block->elided = block->no_stack = false;
	block->hash = 0;
	block->lines.count = 0;
	strbuf_clear(&block->text);
	keep_header(block, header);
	strbuf_clear(&block->addresses);
	if (header->kind == LINE_PROFILE_STACK && header->text.length < TEXT_MAX)
		strbuf_add_bytes(&block->addresses, header->text.at, header->text.length);
}

// A profile without comments has addresses only: the program's file may know them.
static void use_addresses(struct block *block)
{
	struct span rest = {block->addresses.text, block->addresses.length};
	uint64_t pc;
	while (rest.length && block->lines.count < CRASH_FRAMES_MAX) {
		if (span_skip(&rest, SPAN("0x")) && span_take_hex(&rest, &pc))
			vec_push(&block->lines, {.kind = LINE_FUNCTION, .pc = pc});
		rest = span_from(rest, 1);
	}
}

// The path of the last function's file, or a new line of a profile.
static void add_path(struct block *block, const struct crash_line *line)
{
	struct block_line *last =
		block->lines.count ? &block->lines.items[block->lines.count - 1] : NULL;
	if (!last || last->path_length) { // its function was cut off
		vec_push(&block->lines, {.kind = LINE_FUNCTION});
		last = &block->lines.items[block->lines.count - 1];
	}
	last->path = keep(block, line->path);
	last->path_length = (uint32_t)line->path.length;
	last->number = (int64_t)line->number;
	last->offset = line->offset;
	last->pc = line->pc;
	block->hash = crash_hash(line->path, block->hash ^ line->number);
}

static void add_function(struct block *block, const struct crash_line *line)
{
	vec_push(&block->lines, {.kind = line->kind == LINE_CREATED ? LINE_CREATED : LINE_FUNCTION,
				 .name = keep(block, line->name),
				 .name_length = (uint32_t)line->name.length,
				 .arguments = keep(block, line->arguments),
				 .arguments_length = (uint32_t)line->arguments.length,
				 .parent_id = line->parent_id});
	block->hash = crash_hash(line->name, block->hash ^ (unsigned int)line->kind);
}

void block_add(struct block *block, const struct crash_line *line)
{
	static const struct crash_line no_header = {.kind = LINE_OTHER};
	if (!block->is_open)
		block_begin(block, &no_header);
	if (line->kind == LINE_ELIDED || line->kind == LINE_NO_STACK) {
		block->elided = block->elided || line->kind == LINE_ELIDED;
		block->no_stack = block->no_stack || line->kind == LINE_NO_STACK;
		block->hash = crash_hash(SPAN("..."), block->hash);
		return;
	}
	if (block->lines.count >= CRASH_FRAMES_MAX || block->text.length > TEXT_MAX) {
		block->elided = true;
		return;
	}
	if (line->kind == LINE_PROFILE_LABELS) {
		replace(&block->labels, line->labels);
		block->hash = crash_hash(line->labels, block->hash);
		return;
	}
	if (line->kind != LINE_FILE)
		add_function(block, line);
	if (line->kind == LINE_FILE || line->kind == LINE_PROFILE_FRAME)
		add_path(block, line);
}

// ---- groups ----

struct state {
	struct span text; // "chan receive"
	uint64_t minutes; // 0: less than one, or not known
	bool locked;
};

// "chan receive, 5 minutes, locked to thread"
static struct state parse_state(struct span text)
{
	size_t comma = span_find(text, SPAN(", "));
	struct state state = {.text = span_first(text, comma)};
	while (comma != SPAN_NONE) {
		text = span_from(text, comma + 2);
		comma = span_find(text, SPAN(", "));
		struct span part = span_first(text, comma), rest = part;
		uint64_t minutes;
		if (span_take_u64(&rest, &minutes) && span_starts(rest, SPAN(" minute")))
			state.minutes = minutes;
		state.locked = state.locked || span_equals(part, SPAN("locked to thread"));
	}
	return state;
}

static enum crash_stack_kind kind_of(const struct crash_line *header)
{
	switch (header->kind) {
	case LINE_RUNTIME_STACK:
		return CRASH_STACK_RUNTIME;
	case LINE_RACE_ACCESS:
		return CRASH_STACK_ACCESS;
	case LINE_PROFILE_STACK:
		return CRASH_STACK_PROFILE;
	case LINE_HEADER:
		return header->number ? CRASH_STACK_GOROUTINE : CRASH_STACK_RUNTIME;
	default:
		return CRASH_STACK_GOROUTINE;
	}
}

static const char *text_of(const struct block *block, struct crash_log *log, uint32_t at,
			   uint32_t length)
{
	if (!length)
		return "";
	return crash_text(log, (struct span){block->text.text + at, length});
}

static struct crash_frame make_frame(const struct block *block, struct crash_log *log,
				     const struct block_line *line)
{
	return (struct crash_frame){
		.function = text_of(block, log, line->name, line->name_length),
		.arguments = text_of(block, log, line->arguments, line->arguments_length),
		.file = text_of(block, log, line->path, line->path_length),
		.line = line->number,
		.offset = line->offset,
		.pc = line->pc,
		.module = "",
		.module_version = "",
	};
}

static bool make_group(const struct block *block, struct crash_log *log, const struct state *state,
		       struct crash_group *group)
{
	size_t count = block->lines.count;
	*group = (struct crash_group){
		.kind = kind_of(&block->header),
		.state = crash_text(log, state->text),
		.labels = crash_text(log, (struct span){block->labels.text, block->labels.length}),
		.frames = arena_array(&log->arena, count ? count : 1, sizeof *group->frames),
		.elided = block->elided,
		.no_stack = block->no_stack,
		.creator = {.function = "",
			    .arguments = "",
			    .file = "",
			    .module = "",
			    .module_version = ""},
	};
	if (!group->frames)
		return false;
	VEC_FOREACH (line, &block->lines) {
		struct crash_frame frame = make_frame(block, log, line);
		if (line->kind == LINE_CREATED) {
			group->creator = frame;
			group->creator_id = line->parent_id;
		} else {
			group->frames[group->depth++] = frame;
		}
	}
	return true;
}

static struct crash_group *find_group(struct block *block, struct crash_log *log,
				      struct crash *crash, const struct state *state)
{
	struct crash_group group;
	bool is_new;
	uint64_t hash = crash_hash(state->text, block->hash ^ (uint64_t)kind_of(&block->header));
	if (crash->kind == CRASH_RACE || block->header.kind == LINE_PROFILE_STACK)
		hash ^= crash->groups.count; // each its own
	if (log->labels_apart)
		hash = crash_hash((struct span){block->labels.text, block->labels.length}, hash);
	uint64_t *old = map_find(&crash->group_map, hash);
	if (old)
		return &crash->groups.items[*old];
	if (log->arena.used_bytes > CRASH_ARENA_BYTES || !make_group(block, log, state, &group))
		return NULL;
	map_put(&crash->group_map, hash, crash->groups.count, &is_new);
	return vec_push(&crash->groups, group);
}

static void count(struct crash_group *group, const struct block *block, const struct state *state,
		  struct crash_log *log)
{
	bool is_profile = group->kind == CRASH_STACK_PROFILE;
	group->count += is_profile ? block->header.number : 1;
	group->locked = group->locked || state->locked;
	if (!is_profile && group->id_count < CRASH_IDS_MAX && block_id(block))
		group->ids[group->id_count++] = block_id(block);
	if (state->minutes && log->waits_kept < CRASH_WAITS_MAX) {
		log->waits_kept++;
		vec_push(&group->waits,
			 (uint32_t)(state->minutes < UINT32_MAX ? state->minutes : UINT32_MAX));
	}
}

void block_finish(struct block *block, struct crash_log *log, struct crash *crash)
{
	if (!block->is_open)
		return;
	block->is_open = false;
	if (block->header.kind == LINE_OTHER && !block->lines.count)
		return;
	if (!block->lines.count)
		use_addresses(block);
	block->no_stack = block->no_stack || !block->lines.count;
	enum crash_stack_kind kind = kind_of(&block->header);
	struct state state = kind == CRASH_STACK_ACCESS ? (struct state){.text = state_of(block)}
							: parse_state(state_of(block));
	struct crash_group *group = find_group(block, log, crash, &state);
	if (kind == CRASH_STACK_GOROUTINE)
		crash->goroutines++;
	else if (kind == CRASH_STACK_PROFILE)
		crash->goroutines += block->header.number;
	if (!group) {
		crash->left_out++;
		return;
	}
	count(group, block, &state, log);
	if (!crash->first_set && kind == CRASH_STACK_GOROUTINE &&
	    block->header.kind == LINE_HEADER) {
		crash->first_set = true;
		crash->first_id = block_id(block);
	}
	crash->last_open =
		!block->lines.count || block->lines.items[block->lines.count - 1].path_length == 0;
}
