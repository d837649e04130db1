// SPDX-License-Identifier: Apache-2.0
// In: a line as a log stores it. Out: the lines that were written, to the streams.
#include "crash/unwrap.h"

#include "base/i18n.h"
#include "crash/anchors.h"
#include "crash/fields.h"
#include "crash/flat.h"
#include "crash/model_priv.h"
#include "crash/unescape.h"

enum {
	PARTIAL_BYTES = 16000, // docker cuts lines of 16 KiB
	PARTIAL_MAX_BYTES = 1 << 20,
	FLAT_MIN_BYTES = 160,
};

enum stage { STAGE_COLOUR, STAGE_STRING, STAGE_ESCAPES, STAGE_FLAT, STAGE_FIELDS };

void unwrap_init(struct unwrap *unwrap, struct crash_log *log, const struct crash_options *options)
{
	*unwrap = (struct unwrap){.wrapping = ""};
	streams_init(&unwrap->streams, log, options);
}

void unwrap_deinit(struct unwrap *unwrap)
{
	streams_deinit(&unwrap->streams);
	for (size_t i = 0; i < UNWRAP_DEPTH_MAX; i++)
		for (size_t j = 0; j < UNWRAP_STAGES; j++)
			strbuf_deinit(&unwrap->scratch[i][j]);
	for (size_t i = 0; i < UNWRAP_PARTIALS_MAX; i++)
		strbuf_deinit(&unwrap->partials[i].text);
}

static void take(struct unwrap *unwrap, uint64_t key, struct span line, const char *wrapping,
		 unsigned int depth);

static struct strbuf *scratch(struct unwrap *unwrap, unsigned int depth, enum stage stage)
{
	struct strbuf *buffer = &unwrap->scratch[depth][stage];
	strbuf_clear(buffer);
	strbuf_add(buffer, "");
	return buffer;
}

static struct span filled(const struct strbuf *buffer)
{
	return (struct span){buffer->text, buffer->length};
}

// Each line of a text that has several; one line end at its end says nothing.
static void take_lines(struct unwrap *unwrap, uint64_t key, struct span text, const char *wrapping,
		       unsigned int depth)
{
	if (text.length && text.at[text.length - 1] == '\n')
		text.length--;
	for (;;) {
		size_t end = span_find_char(text, '\n');
		take(unwrap, key, span_first(text, end), wrapping, depth);
		if (end == SPAN_NONE)
			return;
		text = span_from(text, end + 1);
	}
}

// ---- partial lines ----

static struct unwrap_partial *find_partial(struct unwrap *unwrap, uint64_t key, bool make)
{
	struct unwrap_partial *empty = &unwrap->partials[0];
	for (size_t i = 0; i < UNWRAP_PARTIALS_MAX; i++) {
		struct unwrap_partial *partial = &unwrap->partials[i];
		if (partial->text.length && partial->key == key)
			return partial;
		if (!partial->text.length)
			empty = partial;
	}
	if (!make)
		return NULL;
	empty->key = key;
	strbuf_clear(&empty->text);
	return empty;
}

// A piece of a line, the last or not.
static void take_piece(struct unwrap *unwrap, uint64_t key, struct span piece, bool is_last,
		       const char *wrapping, unsigned int depth)
{
	struct unwrap_partial *partial = find_partial(unwrap, key, !is_last);
	if (!partial) {
		take_lines(unwrap, key, piece, wrapping, depth);
		return;
	}
	if (partial->text.length + piece.length <= PARTIAL_MAX_BYTES)
		strbuf_add_bytes(&partial->text, piece.at, piece.length);
	if (!is_last)
		return;
	struct strbuf whole = partial->text;
	partial->text = (struct strbuf){0};
	take_lines(unwrap, key, filled(&whole), wrapping, depth);
	strbuf_deinit(&whole);
}

// "2016-10-06T00:17:09.669794202Z stderr F TEXT"
static bool take_cri(struct unwrap *unwrap, uint64_t key, struct span line, unsigned int depth)
{
	size_t blank = span_find_char(span_first(line, 48), ' ');
	if (blank == SPAN_NONE || blank < 20 || !is_digit(line.at[0]) || line.at[10] != 'T')
		return false;
	struct span rest = span_from(line, blank + 1);
	bool is_stderr = span_starts(rest, SPAN("stderr "));
	if (!is_stderr && !span_starts(rest, SPAN("stdout ")))
		return false;
	rest = span_from(rest, 7);
	bool full = span_starts(rest, SPAN("F")), partial = span_starts(rest, SPAN("P"));
	size_t tag = span_find_char(span_first(rest, 32), ' ');
	if ((!full && !partial) || (tag == SPAN_NONE && rest.length != 1))
		return false;
	rest = span_from(rest, tag == SPAN_NONE ? 1 : tag + 1);
	key = crash_hash(is_stderr ? SPAN("stderr") : SPAN("stdout"), key);
	take_piece(unwrap, key, rest, full, N_("the container runtime's log (CRI)"), depth);
	return true;
}

// ---- JSON and quoted strings ----

// Fields that say whose line it is.
static bool is_identity(struct span name)
{
	static const char *const names[] = {
		"stream",         "container_id", "container_name",
		"pod_name",       "pod",          "host",
		"hostname",       "_PID",         "CONTAINER_ID",
		"CONTAINER_NAME", "service",      "instance",
		"_SYSTEMD_UNIT",  "logStream",    "pod_id",
		"replica",        "source",       "SYSLOG_IDENTIFIER",
		"_HOSTNAME",      "task",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (span_equals(name, span_of(names[i])))
			return true;
	return false;
}

static uint64_t identity_of(struct span line, uint64_t key)
{
	struct span rest = line, string, name = {"", 0};
	bool is_key;
	size_t bar = span_find_char(span_first(line, span_find_char(line, '"')), '|');
	if (bar != SPAN_NONE) // compose
		key = crash_hash(span_first(line, bar), key);
	while (unescape_next_string(&rest, &string, &is_key)) {
		if (!is_key && is_identity(name))
			key = crash_hash(string, key);
		name = is_key ? string : (struct span){"", 0};
	}
	return key;
}

static bool is_crash_field(const struct unwrap *unwrap, uint64_t name)
{
	for (size_t i = 0; i < unwrap->json_key_count; i++)
		if (unwrap->json_keys[i] == name)
			return true;
	return false;
}

static bool has_anchor(struct span text)
{
	return crash_find_anchor(text) != SPAN_NONE;
}

// Nanoseconds.
static bool is_time(struct span string)
{
	uint64_t number;
	return string.length >= 18 && span_take_u64(&string, &number) && !string.length;
}

static void take_string(struct unwrap *unwrap, uint64_t key, struct span name, struct span string,
			unsigned int depth)
{
	bool is_docker = span_equals(name, SPAN("log"));
	struct strbuf *text = scratch(unwrap, depth, STAGE_STRING);
	unescape_backslashes(string, text);
	bool is_partial =
		is_docker && text->length >= PARTIAL_BYTES && text->text[text->length - 1] != '\n';
	const char *wrapping = is_docker     ? N_("docker's JSON")
			       : name.length ? "JSON"
					     : N_("a quoted string");
	take_piece(unwrap, key, filled(text), !is_partial, wrapping, depth + 1);
}

// Lines of a crash in strings; false where there are none.
static bool take_strings(struct unwrap *unwrap, uint64_t key, struct span line, unsigned int depth)
{
	struct span rest = line, string, name = {"", 0};
	bool is_key, found = false, timed = false;
	size_t quote = span_find_char(line, '"'), anchor = crash_find_anchor(line);
	bool opens = anchor != SPAN_NONE;
	if (quote == SPAN_NONE || (opens && anchor < quote) || (!opens && !unwrap->json_key_count))
		return false;
	uint64_t identity = identity_of(line, key);
	while (unescape_next_string(&rest, &string, &is_key)) {
		name = timed && !name.length ? SPAN("[time]") : name;
		uint64_t hash = crash_hash(name, 0);
		if (!is_key &&
		    ((name.length && is_crash_field(unwrap, hash)) || has_anchor(string))) {
			if (!is_crash_field(unwrap, hash) &&
			    unwrap->json_key_count < UNWRAP_KEYS_MAX && name.length)
				unwrap->json_keys[unwrap->json_key_count++] = hash;
			take_string(unwrap, identity, name, string, depth);
			found = true;
		}
		timed = is_time(string); // Loki's ["1760000000000000000", "TEXT"]
		name = is_key ? string : (struct span){"", 0};
	}
	return found;
}

// ---- text ----

// What needs no second look: most lines of a crash.
static bool is_plain(struct span line)
{
	static const bool special[256] = {
		['"'] = true,    ['\\'] = true, ['&'] = true, ['#'] = true,
		['\033'] = true, ['<'] = true,  ['^'] = true};
	bool found = false;
	for (size_t i = 0; i < line.length; i++)
		found |= special[(unsigned char)line.at[i]];
	return !found;
}

static bool take_escapes(struct unwrap *unwrap, uint64_t key, struct span line,
			 const char *wrapping, unsigned int depth)
{
	struct strbuf *out = NULL;
	if (unescape_has_octal(line)) {
		out = scratch(unwrap, depth, STAGE_ESCAPES);
		unescape_octal(line, out);
		wrapping = N_("syslog's escapes");
	} else if (unescape_has_html(line)) {
		out = scratch(unwrap, depth, STAGE_ESCAPES);
		unescape_html(line, out);
		wrapping = "HTML";
	} else if (unescape_has_written_breaks(line) && has_anchor(line)) {
		out = scratch(unwrap, depth, STAGE_ESCAPES);
		unescape_backslashes(line, out);
		wrapping = N_("written line breaks (\\n)");
	}
	if (!out)
		return false;
	take_lines(unwrap, key, filled(out), wrapping, depth + 1);
	return true;
}

static bool take_flat(struct unwrap *unwrap, uint64_t key, struct span line, unsigned int depth)
{
	if (line.length < FLAT_MIN_BYTES || !flat_is(line))
		return false;
	struct strbuf *out = scratch(unwrap, depth, STAGE_FLAT);
	flat_restore(line, out);
	take_lines(unwrap, key, filled(out), N_("line breaks that became blanks"), depth + 1);
	return true;
}

static bool take_fields(struct unwrap *unwrap, uint64_t key, struct span line, bool plain,
			unsigned int depth)
{
	bool by_tabs = span_starts(line, SPAN("EVENTS\t"));
	bool single = line.length && line.at[line.length - 1] == '\'';
	if (plain && !by_tabs && !single)
		return false;
	struct strbuf *out = scratch(unwrap, depth, STAGE_FIELDS);
	if (!fields_unpack(line, out))
		return false;
	take_lines(unwrap, key, filled(out), N_("a table's fields"), depth + 1);
	return true;
}

static void take(struct unwrap *unwrap, uint64_t key, struct span line, const char *wrapping,
		 unsigned int depth)
{
	while (line.length && line.at[line.length - 1] == '\r')
		line.length--;
	bool plain = is_plain(line);
	if (!plain && depth < UNWRAP_DEPTH_MAX && unescape_has_terminal(line)) {
		struct strbuf *out = scratch(unwrap, depth, STAGE_COLOUR);
		unescape_terminal(line, out);
		line = filled(out);
		wrapping = wrapping[0] ? wrapping : N_("colours");
	}
	if (depth < UNWRAP_DEPTH_MAX) {
		if (take_cri(unwrap, key, line, depth + 1) ||
		    take_fields(unwrap, key, line, plain, depth))
			return;
		if (!plain && (take_strings(unwrap, key, line, depth) ||
			       take_escapes(unwrap, key, line, wrapping, depth)))
			return;
		if (take_flat(unwrap, key, line, depth))
			return;
	}
	streams_take(&unwrap->streams, key, line, wrapping);
}

void unwrap_take(struct unwrap *unwrap, struct span line, uint64_t number)
{
	unwrap->streams.line = number;
	span_skip(&line, SPAN("\xef\xbb\xbf")); // the mark of UTF-8
	take(unwrap, 0, line, unwrap->wrapping, 0);
}
