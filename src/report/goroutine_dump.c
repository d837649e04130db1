// SPDX-License-Identifier: Apache-2.0
// In: goroutines one by one. Out: the text of the runtime's own dump.
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "report/goroutines.h"
#include "report/stream_priv.h"

enum { NAME_BYTES = 4096, SHARED_BYTES_MAX = 8 << 20 };
static const int64_t MINUTE_NS = 60 * (int64_t)1000000000;

static void add_name(struct strbuf *out, const char *function)
{
	char name[NAME_BYTES];
	if (strcmp(function, "runtime.gopanic") == 0)
		function = "panic";
	go_name_for_print(function, name, sizeof name);
	strbuf_add_safe(out, name);
}

static void add_place(struct strbuf *out, const struct go_frame *frame, uint64_t offset)
{
	char line[48];
	strbuf_add(out, "\t");
	strbuf_add_safe(out, frame->file);
	snprintf(line, sizeof line, ":%" PRId64, frame->line);
	strbuf_add(out, line);
	if (offset) {
		snprintf(line, sizeof line, " +0x%" PRIx64, offset);
		strbuf_add(out, line);
	}
	strbuf_add(out, "\n");
}

// Reasons of a wait inside a synctest bubble that only the bubble can end, where the name does not
// say.
static bool is_durable(const char *reason)
{
	static const char *const reasons[] = {
		"chan receive (nil chan)",
		"chan send (nil chan)",
		"select (no cases)",
		"sleep",
		"sync.Cond.Wait",
		"coroutine",
		"synctest.Run",
		"synctest.Wait",
	};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

static void add_quoted(struct strbuf *out, const char *text)
{
	size_t plain =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_");
	if (!text[plain]) {
		strbuf_add(out, text);
		return;
	}
	strbuf_add(out, "\"");
	for (const char *c = text; *c; c++) {
		char one[2] = {*c, '\0'};
		if (*c == '"' || *c == '\\')
			strbuf_add(out, "\\");
		if ((unsigned char)*c < 0x80)
			strbuf_add_safe(out, one);
		else
			strbuf_add(out, one);
	}
	strbuf_add(out, "\"");
}

// As Go 1.27 does by default; older versions can or do not.
static void add_labels(struct strbuf *out, const struct go_labels *labels)
{
	strbuf_add(out, " {");
	for (size_t i = 0; i < labels->count; i++) {
		strbuf_add(out, i ? ", " : "");
		add_quoted(out, labels->list[i].key);
		strbuf_add(out, ": ");
		add_quoted(out, labels->list[i].value);
	}
	strbuf_add(out, "}");
}

static void add_header(struct strbuf *out, const struct go_goroutines *goroutines,
		       const struct go_goroutine *goroutine)
{
	const char *reason = goroutine->wait_reason;
	int64_t minutes = go_goroutine_waited_ns(goroutines, goroutine) / MINUTE_NS;
	strbuf_addf(out, "goroutine %" PRIu64 " [", goroutine->id);
	strbuf_add_safe(out, reason ? reason : go_status_name(goroutine->status));
	if (goroutine->status == GO_STATUS_LEAKED)
		strbuf_add(out, " (leaked)");
	if (goroutine->bubble_id && reason && is_durable(reason))
		strbuf_add(out, " (durable)");
	if (minutes >= 1)
		strbuf_addf(out, ", %" PRId64 " minutes", minutes);
	if (goroutine->is_locked)
		strbuf_add(out, ", locked to thread");
	if (goroutine->bubble_id)
		strbuf_addf(out, ", synctest bubble %" PRIu64, goroutine->bubble_id);
	strbuf_add(out, "]");
	if (goroutine->labels)
		add_labels(out, goroutine->labels);
	strbuf_add(out, ":\n");
}

static void add_frame(struct strbuf *out, const struct go_call *call, size_t index)
{
	const struct go_frame *frame = call->frames[index];
	add_name(out, frame->function);
	strbuf_add(out, "(...)\n");
	add_place(out, frame, frame->inlined ? 0 : call->pc - call->function.entry);
}

// Returns how many frames were shown.
static size_t add_frames(struct strbuf *out, const struct go_stack *stack, bool all)
{
	const struct go_frame *callee = NULL;
	size_t shown = 0;
	for (size_t i = 0; i < stack->count; i++) {
		const struct go_call *call = stack->calls[i];
		if (stack->elided && i == UNWIND_INNER)
			strbuf_addf(out, "...%" PRIu64 " frames elided...\n", stack->elided);
		for (size_t j = 0; j < call->frame_count; j++) {
			const struct go_frame *frame = call->frames[j];
			bool show = all || go_frame_is_shown(frame, !shown, callee);
			callee = frame;
			if (!show)
				continue;
			add_frame(out, call, j);
			shown++;
		}
	}
	return shown;
}

// What many goroutines share is made once: the frames of a stack, and a go statement, whose text
// goes around the goroutine that ran it.
struct dump {
	struct stream stream;
	struct strbuf stacks; // the texts of all stacks, one behind the other
	size_t *ends;         // by the stack's index: behind its text in `stacks`; 0: not made yet
	size_t *starts;
	const struct go_call *creation; // the last
	struct strbuf creator, place;   // its text
};

static void make_creation(struct dump *dump, const struct go_call *call)
{
	const struct go_frame *frame = call->frames[call->frame_count - 1];
	dump->creation = call;
	strbuf_clear(&dump->creator);
	strbuf_clear(&dump->place);
	if (!go_frame_is_shown(frame, false, NULL))
		return;
	strbuf_add(&dump->creator, "created by ");
	add_name(&dump->creator, call->function.name);
	strbuf_add(&dump->place, "\n");
	add_place(&dump->place, call->frames[0], call->pc - call->function.entry);
}

static void add_creation(struct dump *dump, const struct go_goroutine *goroutine)
{
	struct strbuf *out = &dump->stream.text;
	const struct go_call *call = goroutine->creation;
	if (!call || !call->valid)
		return;
	if (call != dump->creation)
		make_creation(dump, call);
	if (!dump->creator.length)
		return;
	strbuf_add_bytes(out, dump->creator.text, dump->creator.length);
	if (goroutine->parent_id)
		strbuf_addf(out, " in goroutine %" PRIu64, goroutine->parent_id);
	strbuf_add_bytes(out, dump->place.text, dump->place.length);
}

static void add_whole_stack(struct strbuf *out, const struct go_stack *stack)
{
	if (!add_frames(out, stack, false))
		add_frames(out, stack, true);
}

static void add_stack(struct dump *dump, const struct go_goroutine *goroutine)
{
	static const char *const no_stack[] = {
		[GO_STACK_WHOLE] = "",
		[GO_STACK_RUNS] = "\tgoroutine running on other thread; stack unavailable\n",
		[GO_STACK_MOVED] = "\tgoroutine moved while it was read; stack unavailable\n",
		[GO_STACK_TORN] = "\tstack cannot be followed to its end; stack unavailable\n",
	};
	const struct go_stack *stack = goroutine->stack;
	if (!stack) {
		strbuf_add(&dump->stream.text, no_stack[goroutine->stack_state]);
		return;
	}
	size_t *start = &dump->starts[stack->index], *end = &dump->ends[stack->index];
	if (!*end && dump->stacks.length > SHARED_BYTES_MAX) {
		add_whole_stack(&dump->stream.text, stack);
		return;
	}
	if (!*end) {
		*start = dump->stacks.length;
		add_whole_stack(&dump->stacks, stack);
		*end = dump->stacks.length;
	}
	strbuf_add_bytes(&dump->stream.text, dump->stacks.text + *start, *end - *start);
}

bool report_write_stacks(const struct snapshot *snapshot, int fd, const char *path,
			 struct error *error)
{
	const struct go_goroutines *goroutines = &snapshot->each_goroutine;
	size_t count = goroutines->stacks.list.count;
	_cleanup_free_ size_t *starts = alloc_array(count, sizeof *starts);
	_cleanup_free_ size_t *ends = alloc_array(count, sizeof *ends);
	struct dump dump = {
		.stream = {.fd = fd, .path = path, .error = error}, .starts = starts, .ends = ends};
	bool first = true;
	VEC_FOREACH (goroutine, &goroutines->list) {
		if (goroutine->system)
			continue;
		strbuf_add(&dump.stream.text, first ? "" : "\n");
		first = false;
		add_header(&dump.stream.text, goroutines, goroutine);
		add_stack(&dump, goroutine);
		add_creation(&dump, goroutine);
		stream_step(&dump.stream);
	}
	strbuf_deinit(&dump.stacks);
	strbuf_deinit(&dump.creator);
	strbuf_deinit(&dump.place);
	return stream_end(&dump.stream);
}
