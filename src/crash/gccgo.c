// SPDX-License-Identifier: Apache-2.0
// In: functions as gccgo writes them. Out: functions as Go writes them. GCC: gofrontend,
// go/go-encode-id.cc.
#include "crash/gccgo.h"

#include "crash/model_priv.h"

enum { NAME_MAX_BYTES = 1024 };

// What stands for a character that a symbol cannot have.
static const struct {
	char code, is;
} codes[] = {
	{'_', '_'}, {'0', '.'}, {'1', '/'}, {'2', '*'}, {'3', ','}, {'4', '{'}, {'5', '}'},
	{'6', '['}, {'7', ']'}, {'8', '('}, {'9', ')'}, {'a', '"'}, {'b', ' '}, {'c', ';'},
};

static char meaning(char code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return codes[i].is;
	return '\0';
}

// "_x2d": a byte in two digits.
static bool take_byte(struct span rest, char *out)
{
	uint64_t value;
	struct span digits = span_first(span_from(rest, 1), 2);
	if (!rest.length || rest.at[0] != 'x' || digits.length != 2 ||
	    !span_take_hex(&digits, &value) || digits.length)
		return false;
	*out = (char)value;
	return value >= ' ' && value < 0x7f;
}

// False: it is no such name, or has something that is not known here.
static bool decode(struct span name, char *out, size_t *length)
{
	size_t used = 0;
	for (size_t i = 0; i < name.length; i++) {
		char c = name.at[i];
		if (c == '_' && take_byte(span_from(name, i + 1), &out[used])) {
			i += 3;
		} else if (c == '_') {
			out[used] = i + 1 < name.length ? meaning(name.at[++i]) : '\0';
			if (!out[used])
				return false;
		} else {
			out[used] = c;
		}
		used++;
	}
	*length = used;
	return used < name.length;
}

// Those with a slash libgo has restored already.
static void restore(struct crash_frame *frame, struct crash_log *log)
{
	struct span name = span_of(frame->function);
	char text[NAME_MAX_BYTES];
	size_t length;
	if (name.length >= sizeof text || span_find_char(name, '/') != SPAN_NONE ||
	    !decode(name, text, &length))
		return;
	frame->function = crash_text(log, (struct span){text, length});
}

static bool is_of_libgo(const struct crash_frame *frame)
{
	struct span file = span_of(frame->file);
	return strncmp(frame->function, "runtime", 7) == 0 &&
	       (span_has(file, SPAN("/libgo/go/")) || span_has(file, SPAN("/libgo/runtime/")));
}

bool gccgo_has_made(const struct crash *crash)
{
	VEC_FOREACH (group, &crash->groups)
		for (size_t i = 0; i < group->depth; i++)
			if (is_of_libgo(&group->frames[i]))
				return true;
	return false;
}

void gccgo_restore_names(struct crash *crash, struct crash_log *log)
{
	VEC_FOREACH (group, &crash->groups) {
		for (size_t i = 0; i < group->depth; i++)
			restore(&group->frames[i], log);
		restore(&group->creator, log);
	}
}
