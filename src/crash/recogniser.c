// SPDX-License-Identifier: Apache-2.0
// In: clean lines. Out: crashes with their goroutines, in groups.
#include "crash/recogniser.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "crash/block.h"
#include "crash/causes.h"
#include "crash/message.h"
#include "crash/model_priv.h"

enum { KERNEL_LINE_MAX = 1024 };

enum phase {
	PHASE_NONE,    // between crashes
	PHASE_MESSAGE, // a message, no goroutine yet
	PHASE_STACKS,
	PHASE_PROFILE,
	PHASE_RACE,
};

struct recogniser {
	struct crash_log *log;
	const struct crash_options *options;
	enum phase phase;
	struct crash crash; // the one that is being read
	struct message message;
	struct block block;      // the goroutine that is being read
	struct strbuf name_text; // a line that may be a function of gccgo
	bool kernel_open;
	struct kernel_oom_collector kernel;
};

struct recogniser *recogniser_new(struct crash_log *log, const struct crash_options *options)
{
	struct recogniser *recogniser = alloc_zero(sizeof *recogniser);
	recogniser->log = log;
	recogniser->options = options;
	return recogniser;
}

// ---- crashes ----

// A lone "runtime: ..." is no crash.
static bool is_worth_keeping(const struct crash *crash)
{
	return crash->groups.count || crash->kind == CRASH_FATAL || crash->kind == CRASH_PANIC ||
	       crash->kind == CRASH_PROFILE || crash->kind == CRASH_RACE ||
	       crash->kind == CRASH_KERNEL_OOM;
}

// Hands the crash that was being read to the log.
static void finish_crash(struct recogniser *recogniser)
{
	struct crash *crash = &recogniser->crash;
	struct crash_log *log = recogniser->log;
	if (recogniser->phase != PHASE_NONE) {
		block_finish(&recogniser->block, log, crash);
		message_finish(&recogniser->message, crash, log);
		crash->cause = crash_cause_find(crash->kind, span_of(crash->message));
	}
	bool keep = recogniser->phase != PHASE_NONE && is_worth_keeping(crash);
	recogniser->phase = PHASE_NONE;
	if (keep && log->crashes.count < CRASH_CRASHES_MAX) {
		vec_push(&log->crashes, *crash);
	} else {
		log->crashes_left_out += keep;
		crash_deinit(crash);
	}
	*crash = (struct crash){0};
}

static void begin_crash(struct recogniser *recogniser, enum crash_kind kind, enum phase phase,
			uint64_t number, const char *wrapping)
{
	finish_crash(recogniser);
	recogniser->crash = (struct crash){.kind = kind,
					   .message = "",
					   .text = "",
					   .wrapping = wrapping,
					   .first_line = number,
					   .main_module = "",
					   .growing = ""};
	recogniser->phase = phase;
}

void recogniser_free(struct recogniser *recogniser)
{
	if (!recogniser)
		return;
	finish_crash(recogniser);
	block_deinit(&recogniser->block);
	message_deinit(&recogniser->message);
	strbuf_deinit(&recogniser->name_text);
	kernel_oom_collector_deinit(&recogniser->kernel);
	free(recogniser);
}

bool recogniser_wants_goroutines(const struct recogniser *recogniser)
{
	return recogniser->phase == PHASE_MESSAGE;
}

// ---- messages ----

// A message that continues what is open: "panic: a" with "\tpanic: b" below, notes before a fatal
// error.
static bool continues(const struct recogniser *recogniser, enum crash_kind kind)
{
	const struct crash *crash = &recogniser->crash;
	if (recogniser->phase != PHASE_MESSAGE)
		return false;
	return crash->kind == kind || crash->kind == CRASH_DUMP;
}

bool recogniser_continues(const struct recogniser *recogniser, const struct crash_line *line)
{
	bool is_panic = line->kind == LINE_PANIC && recogniser->crash.kind == CRASH_PANIC;
	if (recogniser->phase != PHASE_MESSAGE || is_panic)
		return is_panic && line->indented;
	return (line->kind == LINE_PANIC || line->kind == LINE_FATAL) &&
	       recogniser->crash.kind == CRASH_DUMP;
}

static void take_message(struct recogniser *recogniser, enum crash_kind kind, struct span text,
			 uint64_t number, const char *wrapping)
{
	if (!continues(recogniser, kind))
		begin_crash(recogniser, kind, PHASE_MESSAGE, number, wrapping);
	message_take(&recogniser->message, &recogniser->crash, recogniser->log, kind, text);
}

static void take_note(struct recogniser *recogniser, struct span text, uint64_t number,
		      const char *wrapping)
{
	if (recogniser->phase != PHASE_MESSAGE && recogniser->phase != PHASE_STACKS)
		begin_crash(recogniser, CRASH_DUMP, PHASE_MESSAGE, number, wrapping);
	recogniser->message.is_open = false;
	message_add_note(&recogniser->crash, recogniser->log, text);
}

// "http: panic serving 127.0.0.1:1: TEXT"
static void take_serving(struct recogniser *recogniser, struct span text, uint64_t number,
			 const char *wrapping)
{
	take_message(recogniser, CRASH_PANIC, text, number, wrapping);
	recogniser->crash.recovered = true;
}

// ---- goroutines ----

// The state with which a program prints its own stack goes on running.
static void begin_stacks(struct recogniser *recogniser, uint64_t number, const char *wrapping)
{
	recogniser->message.is_open = false;
	if (recogniser->phase == PHASE_MESSAGE || recogniser->phase == PHASE_STACKS) {
		recogniser->phase = PHASE_STACKS;
		return;
	}
	begin_crash(recogniser, CRASH_DUMP, PHASE_STACKS, number, wrapping);
}

static void take_header(struct recogniser *recogniser, const struct crash_line *line,
			uint64_t number, const char *wrapping)
{
	begin_stacks(recogniser, number, wrapping);
	struct crash *crash = &recogniser->crash;
	block_finish(&recogniser->block, recogniser->log, crash);
	// The same goroutine twice: another dump has begun.
	block_begin(&recogniser->block, line);
	crash->wide_headers = crash->wide_headers || line->wide;
	if (line->number > crash->highest_id)
		crash->highest_id = line->number;
}

static void take_frame(struct recogniser *recogniser, const struct crash_line *line,
		       uint64_t number, const char *wrapping)
{
	if (recogniser->phase != PHASE_STACKS && recogniser->phase != PHASE_RACE &&
	    recogniser->phase != PHASE_PROFILE) {
		begin_stacks(recogniser, number, wrapping);
		recogniser->crash.cut_front = recogniser->crash.kind == CRASH_DUMP;
	}
	block_add(&recogniser->block, line);
}

// gccgo's functions have no parentheses; what follows tells whether it was one.
static void keep_name(struct recogniser *recogniser, struct span name)
{
	strbuf_clear(&recogniser->name_text);
	strbuf_add_bytes(&recogniser->name_text, name.at, name.length);
}

static void use_name(struct recogniser *recogniser)
{
	struct crash_line line = {.kind = LINE_FUNCTION};
	if (!recogniser->name_text.length || block_wants_file(&recogniser->block))
		return;
	line.name = (struct span){recogniser->name_text.text, recogniser->name_text.length};
	recogniser->crash.is_gccgo =
		recogniser->crash.is_gccgo || block_is_open(&recogniser->block);
	block_add(&recogniser->block, &line);
	strbuf_clear(&recogniser->name_text);
}

// ---- the kernel ----

bool recogniser_in_kernel(const struct recogniser *recogniser)
{
	return recogniser->kernel_open;
}

static void raw(const struct recogniser *recogniser, struct span text)
{
	const struct crash_options *options = recogniser->options;
	if (options->raw)
		options->raw(options->raw_context, text.at, text.length);
}

bool recogniser_take_kernel(struct recogniser *recogniser, struct span text, uint64_t number,
			    const char *wrapping)
{
	struct kmsg_record record = {.facility = 0};
	struct kernel_oom probe = {0}, oom;
	text = span_first(text, KERNEL_LINE_MAX);
	for (size_t i = 0; i < text.length; i++)
		record.text[i] = text.at[i] ? text.at[i] : '?';
	bool is_ours = kernel_oom_parse(record.text, &probe);
	recogniser->kernel_open = recogniser->kernel_open || is_ours;
	if (!recogniser->kernel_open)
		return false;
	raw(recogniser, text);
	if (kernel_oom_collect(&recogniser->kernel, &record, 0, &oom)) {
		recogniser->kernel_open = false;
		begin_crash(recogniser, CRASH_KERNEL_OOM, PHASE_MESSAGE, number, wrapping);
		recogniser->crash.oom = oom;
		finish_crash(recogniser);
	}
	return is_ours;
}

// ---- lines ----

static bool take_empty(struct recogniser *recogniser)
{
	message_add_line(&recogniser->message, SPAN(""));
	if (recogniser->phase == PHASE_PROFILE)
		block_finish(&recogniser->block, recogniser->log, &recogniser->crash);
	return recogniser->phase != PHASE_NONE;
}

static void take_profile(struct recogniser *recogniser, const struct crash_line *line,
			 uint64_t number, const char *wrapping)
{
	begin_crash(recogniser, CRASH_PROFILE, PHASE_PROFILE, number, wrapping);
	recogniser->crash.profile_total = line->number;
}

static bool take_in_profile(struct recogniser *recogniser, const struct crash_line *line)
{
	if (recogniser->phase != PHASE_PROFILE)
		return false;
	if (line->kind == LINE_PROFILE_STACK) {
		block_finish(&recogniser->block, recogniser->log, &recogniser->crash);
		block_begin(&recogniser->block, line);
		return true;
	}
	block_add(&recogniser->block, line);
	return true;
}

static bool take_rule(struct recogniser *recogniser)
{
	if (recogniser->phase != PHASE_RACE)
		return false;
	finish_crash(recogniser);
	return true;
}

static bool take_access(struct recogniser *recogniser, const struct crash_line *line)
{
	if (recogniser->phase != PHASE_RACE)
		return false;
	block_finish(&recogniser->block, recogniser->log, &recogniser->crash);
	block_begin(&recogniser->block, line);
	return true;
}

static bool take_exit(struct recogniser *recogniser)
{
	bool was_open = recogniser->phase != PHASE_NONE;
	finish_crash(recogniser);
	return was_open;
}

// Within the text of a panic, a line that looks like a function is text.
static bool is_text_of_message(const struct recogniser *recogniser, enum crash_line_kind kind)
{
	return recogniser->message.is_open && (kind == LINE_FUNCTION || kind == LINE_NAME ||
					       kind == LINE_ELIDED || kind == LINE_RULE);
}

static bool take_line(struct recogniser *recogniser, const struct crash_line *line,
		      struct span text, uint64_t number, const char *wrapping)
{
	switch (line->kind) {
	case LINE_EMPTY:
		return take_empty(recogniser);
	case LINE_FATAL:
		take_message(recogniser, CRASH_FATAL, line->text, number, wrapping);
		return true;
	case LINE_PANIC:
		take_message(recogniser, CRASH_PANIC, line->text, number, wrapping);
		return true;
	case LINE_SERVING:
		take_serving(recogniser, line->text, number, wrapping);
		return true;
	case LINE_SIGNAL:
		take_message(recogniser, CRASH_SIGNAL, line->text, number, wrapping);
		return true;
	case LINE_NOTE:
	case LINE_SIGNAL_NOTE:
		take_note(recogniser, line->text, number, wrapping);
		return true;
	case LINE_HEADER:
	case LINE_RUNTIME_STACK:
		take_header(recogniser, line, number, wrapping);
		return true;
	case LINE_FILE:
		use_name(recogniser);
		take_frame(recogniser, line, number, wrapping);
		return true;
	case LINE_FUNCTION:
	case LINE_CREATED:
		take_frame(recogniser, line, number, wrapping);
		return true;
	case LINE_ELIDED:
	case LINE_NO_STACK:
		if (recogniser->phase == PHASE_STACKS)
			block_add(&recogniser->block, line);
		return recogniser->phase == PHASE_STACKS;
	case LINE_RACE:
		begin_crash(recogniser, CRASH_RACE, PHASE_RACE, number, wrapping);
		return true;
	case LINE_RACE_ACCESS:
		return take_access(recogniser, line);
	case LINE_RULE:
		return take_rule(recogniser);
	case LINE_PROFILE:
		take_profile(recogniser, line, number, wrapping);
		return true;
	case LINE_PROFILE_STACK:
	case LINE_PROFILE_FRAME:
	case LINE_PROFILE_LABELS:
		return take_in_profile(recogniser, line);
	case LINE_EXIT:
		return take_exit(recogniser);
	default:
		return message_add_line(&recogniser->message, text);
	}
}

static void keep_wanted(struct recogniser *recogniser, struct span text)
{
	const struct crash_options *options = recogniser->options;
	struct strbuf *wanted = &recogniser->log->wanted;
	if (!options->wanted_id || block_id(&recogniser->block) != options->wanted_id ||
	    !block_is_open(&recogniser->block) || wanted->length > 1 << 20)
		return;
	strbuf_add_bytes(wanted, text.at, text.length);
	strbuf_add(wanted, "\n");
}

bool recogniser_take(struct recogniser *recogniser, const struct crash_line *parsed,
		     struct span text, uint64_t number, const char *wrapping)
{
	struct crash_line line = *parsed;
	if (is_text_of_message(recogniser, line.kind))
		line = (struct crash_line){.kind = LINE_OTHER, .text = text};
	if (line.kind == LINE_NAME && block_is_open(&recogniser->block))
		keep_name(recogniser, line.name);
	else if (line.kind != LINE_FILE &&
		 line.kind != LINE_OTHER) // lines of others may stand between
		strbuf_clear(&recogniser->name_text);
	bool taken = take_line(recogniser, &line, text, number, wrapping);
	if (line.kind == LINE_NAME)
		taken = taken || recogniser->name_text.length > 0;
	if (taken) {
		keep_wanted(recogniser, text);
		raw(recogniser, text);
	}
	return taken;
}
