// SPDX-License-Identifier: Apache-2.0
// In: the start of a line. Out: whether other lines start so.
#include "crash/prefix.h"

bool prefix_learn(struct span text, struct prefix *prefix)
{
	if (text.length >= PREFIX_MAX)
		return false;
	memcpy(prefix->text, text.at, text.length);
	prefix->length = text.length;
	return true;
}

static bool is_time_char(char c)
{
	return is_digit(c) || (c && strchr(":.,/-+TZ", c));
}

// The length of what can be a time or a number that counts: it begins with a digit, and has a mark
// of a time or very many digits.
static size_t time_length(struct span text)
{
	size_t length = 0, digits = 0, marks = 0;
	if (!text.length || !is_digit(text.at[0]))
		return 0;
	for (; length < text.length && is_time_char(text.at[length]); length++) {
		bool digit = is_digit(text.at[length]);
		digits += digit;
		marks += !digit && text.at[length] != 'T' && text.at[length] != 'Z';
	}
	while (length && strchr("-+TZ/,", text.at[length - 1]) && text.at[length - 1] != 'Z') {
		length--;
		marks--;
	}
	return (marks && digits > 2) || digits >= 9 ? length : 0;
}

// Three letters of a month or a weekday.
static bool is_name_of_time(struct span text)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDecMonTueWedThuFriSatSun";
	if (text.length < 4 || (text.at[3] != ' ' && text.at[3] != ',' && text.at[3] != '/'))
		return false;
	for (size_t i = 0; i + 3 < sizeof names; i += 3)
		if (memcmp(names + i, text.at, 3) == 0)
			return true;
	return false;
}

// After a month: one or two digits, with one or two blanks before them.
static size_t day_length(struct span text)
{
	size_t i = 0;
	while (i < text.length && i < 2 && text.at[i] == ' ')
		i++;
	size_t start = i;
	while (i < text.length && i < start + 2 && is_digit(text.at[i]))
		i++;
	return i > start && i < text.length && text.at[i] == ' ' ? i : 0;
}

// The seconds of "WARN[0012] ", behind its bracket: how many digits.
static size_t counter_length(const char *start, struct span text)
{
	const char *at = text.at;
	size_t length = 0;
	if (at - start < 5 || at[-1] != '[' || at[-2] < 'A' || at[-2] > 'Z' || at[-3] < 'A' ||
	    at[-3] > 'Z')
		return 0;
	while (length < text.length && is_digit(text.at[length]))
		length++;
	return length >= 4 ? length : 0;
}

// The label of TAI64N, as multilog writes it: "@40000000654d00002f8a5b0c".
static size_t label_length(struct span text)
{
	uint64_t seconds, rest;
	struct span high = span_first(span_from(text, 1), 16),
		    low = span_first(span_from(text, 17), 8);
	return span_starts(text, SPAN("@4")) && span_take_hex(&high, &seconds) && !high.length &&
			       low.length == 8 && span_take_hex(&low, &rest) && !low.length
		       ? 25
		       : 0;
}

// The number of a line with the mark behind it, as cat -n and grep -n put it: "    12\t", "12:" and
// "12-"; but no "12:30".
static size_t numbering_length(struct span text)
{
	size_t blanks = 0, length;
	while (blanks < text.length && text.at[blanks] == ' ')
		blanks++;
	for (length = blanks; length < text.length && is_digit(text.at[length]);)
		length++;
	if (length == blanks || length == text.length || !strchr("\t:-", text.at[length]) ||
	    (length + 1 < text.length && is_digit(text.at[length + 1])))
		return 0;
	return length + 1;
}

// One piece of a prefix: how much of each side it takes.
struct step {
	size_t ours, theirs; // 0 and 0: they differ
};

static struct step step_time(struct span ours, struct span theirs)
{
	struct step step = {time_length(ours), time_length(theirs)};
	if (step.ours && step.theirs)
		return step;
	if (label_length(ours) && label_length(theirs))
		return (struct step){label_length(ours), label_length(theirs)};
	if (is_name_of_time(ours) && is_name_of_time(theirs)) {
		size_t our_day = day_length(span_from(ours, 3));
		size_t their_day = day_length(span_from(theirs, 3));
		if (our_day && their_day)
			return (struct step){3 + our_day, 3 + their_day};
		return (struct step){3, 3};
	}
	return (struct step){0, 0};
}

// Where the number of a line can stand: at the start, or between a file's name and the text. grep
// has ':' before a line that it looked for and '-' before those around it.
static struct step step_numbering(struct span ours, struct span theirs, bool at_start)
{
	size_t our_mark = 0, their_mark = 0;
	if (!at_start) {
		if (!strchr(":-", ours.at[0]) || !strchr(":-", theirs.at[0]))
			return (struct step){0, 0};
		our_mark = their_mark = 1;
		if (ours.length == 1)
			return (struct step){1, 1};
	}
	struct step step = {numbering_length(span_from(ours, our_mark)),
			    numbering_length(span_from(theirs, their_mark))};
	if (!step.ours || !step.theirs || our_mark + step.ours != ours.length)
		return (struct step){0, 0};
	return (struct step){our_mark + step.ours, their_mark + step.theirs};
}

size_t prefix_match(const struct prefix *prefix, struct span line)
{
	struct span ours = {prefix->text, prefix->length}, theirs = line;
	while (ours.length) {
		if (!theirs.length)
			return span_trim(ours).length ? SPAN_NONE : line.length;
		struct step step = {0, 0};
		bool inside = ours.at > prefix->text &&
			      (is_digit(ours.at[-1]) || ours.at[-1] == '.' || ours.at[-1] == ':');
		if (!inside)
			step = step_numbering(ours, theirs, ours.at == prefix->text);
		if (!inside && !step.ours)
			step = step_time(ours, theirs);
		if (!step.ours && counter_length(prefix->text, ours) &&
		    counter_length(line.at, theirs))
			step = (struct step){counter_length(prefix->text, ours),
					     counter_length(line.at, theirs)};
		if (!step.ours && ours.at[0] == theirs.at[0])
			step = (struct step){1, 1};
		if (!step.ours)
			return SPAN_NONE;
		ours = span_from(ours, step.ours);
		theirs = span_from(theirs, step.theirs);
	}
	return line.length - theirs.length;
}

bool prefix_is_plausible(struct span text)
{
	struct span trimmed = span_trim(text);
	if (!trimmed.length)
		return true;
	char last = trimmed.at[trimmed.length - 1];
	if (strchr("|]>:=+", last) || numbering_length(text) == text.length ||
	    label_length(trimmed) == trimmed.length)
		return true;
	for (size_t i = 0; i < text.length; i++)
		if ((i == 0 || !is_digit(text.at[i - 1])) && time_length(span_from(text, i)))
			return true;
	return false;
}
