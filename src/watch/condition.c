// SPDX-License-Identifier: Apache-2.0
// In: "goroutines > 50000 for 10s". Out: terms as data; whether they hold.
#include "watch/condition.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/suggest.h"
#include "base/units.h"

enum { WORD_MAX = 64, PERCENT_MAX = 1000000 };

static const char *const operators[] = {[CONDITION_OVER] = ">",
					[CONDITION_AT_LEAST] = ">=",
					[CONDITION_UNDER] = "<",
					[CONDITION_AT_MOST] = "<="};

// ---- parsing ----

struct cursor {
	const char *text, *at;
	const char *word_at; // where the newest word began
};

static void skip_spaces(struct cursor *cursor)
{
	while (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n')
		cursor->at++;
}

static bool is_operator(char c)
{
	return c == '>' || c == '<' || c == '=';
}

// The next word: signs of comparison, or what is between those and spaces. "" at the end.
static void next_word(struct cursor *cursor, char word[WORD_MAX])
{
	size_t length = 0;
	skip_spaces(cursor);
	cursor->word_at = cursor->at;
	bool comparing = is_operator(*cursor->at);
	while (*cursor->at && !isspace((unsigned char)*cursor->at) &&
	       is_operator(*cursor->at) == comparing && length < WORD_MAX - 1)
		word[length++] = *cursor->at++;
	word[length] = '\0';
}

static bool peek_is(struct cursor *cursor, const char *wanted)
{
	struct cursor ahead = *cursor;
	char word[WORD_MAX];
	next_word(&ahead, word);
	if (strcmp(word, wanted) != 0)
		return false;
	*cursor = ahead;
	return true;
}

static bool fail_metric(const char *word, struct error *error)
{
	const char *names[METRICS];
	for (int i = 0; i < METRICS; i++)
		names[i] = metrics[i].name;
	const char *near = suggest(word, names, METRICS);
	if (!word[0])
		error_set(error, ERROR_USAGE, "a metric is missing");
	else
		error_set(error, ERROR_USAGE, "there is no metric %s", word);
	if (near)
		return error_hint(error, "did you mean %s?", near);
	struct strbuf all = {0};
	for (int i = 0; i < METRICS; i++)
		strbuf_addf(&all, "%s%s", i ? ", " : "", names[i]);
	error_hint(error, "there are %s", all.text);
	strbuf_deinit(&all);
	return false;
}

static bool parse_metric(struct cursor *cursor, enum metric *metric, struct error *error)
{
	char word[WORD_MAX];
	next_word(cursor, word);
	for (int i = 0; i < METRICS; i++) {
		if (strcmp(word, metrics[i].name) != 0)
			continue;
		*metric = (enum metric)i;
		return true;
	}
	return fail_metric(word, error);
}

static bool parse_operator(struct cursor *cursor, const char *metric,
			   enum condition_operator *compare, struct error *error)
{
	char word[WORD_MAX];
	next_word(cursor, word);
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		if (strcmp(word, operators[i]) != 0)
			continue;
		*compare = (enum condition_operator)i;
		return true;
	}
	if (word[0])
		error_set(error, ERROR_USAGE, "%s is no comparison", word);
	else
		error_set(error, ERROR_USAGE, "a comparison is missing behind %s", metric);
	return error_hint(error, "one of > >= < <=, as in %s > VALUE", metric);
}

static bool parse_percent(const char *word, int64_t *hundredths)
{
	size_t length = strlen(word);
	char number[WORD_MAX];
	int64_t whole, part = 0;
	if (length < 2 || word[length - 1] != '%')
		return false;
	snprintf(number, sizeof number, "%.*s", (int)(length - 1), word);
	char *dot = strchr(number, '.');
	if (dot) {
		*dot++ = '\0';
		size_t digits = strlen(dot);
		if (digits < 1 || digits > 2 || !parse_integer(dot, 0, 99, &part) || dot[0] == '-')
			return false;
		part *= digits == 1 ? 10 : 1;
	}
	if (!parse_integer(number, 0, PERCENT_MAX, &whole))
		return false;
	*hundredths = whole * 100 + part;
	return true;
}

static bool parse_rate(const char *word, int64_t *bytes_per_s)
{
	size_t length = strlen(word);
	char number[WORD_MAX];
	if (length < 3 || strcmp(word + length - 2, "/s") != 0)
		return false;
	snprintf(number, sizeof number, "%.*s", (int)(length - 2), word);
	return parse_bytes(number, bytes_per_s);
}

static bool parse_number(const char *word, enum metric_unit unit, int64_t *number)
{
	switch (unit) {
	case METRIC_BYTES:
		return parse_bytes(word, number);
	case METRIC_COUNT:
		return parse_integer(word, 0, INT64_MAX / 2, number);
	case METRIC_PERCENT:
		return parse_percent(word, number);
	case METRIC_BYTES_PER_S:
		return parse_rate(word, number);
	default:
		// A bare number would leave open of what.
		return word[0] && !isdigit((unsigned char)word[strlen(word) - 1]) &&
		       parse_duration(word, number);
	}
}

static bool fail_value(const char *word, enum metric metric, struct error *error)
{
	static const char *const kinds[] = {
		[METRIC_BYTES] = N_("a size such as 900MiB, or a part of the limit such as 60%"),
		[METRIC_COUNT] = N_("a whole number such as 50000"),
		[METRIC_PERCENT] = N_("a percentage such as 80%"),
		[METRIC_BYTES_PER_S] = N_("a speed such as 50MiB/s"),
		[METRIC_TIME] = N_("a time such as 30s"),
	};
	const char *name = metrics[metric].name;
	if (word[0])
		error_set(error, ERROR_USAGE, "%s is compared with %s, not with %s", name,
			  _(kinds[metrics[metric].unit]), word);
	else
		error_set(error, ERROR_USAGE, "a value is missing behind %s", name);
	return error_hint(error, "%s, or baseline 10m + 50%%", _(kinds[metrics[metric].unit]));
}

// A time that has to be there, within bounds.
static bool parse_time(struct cursor *cursor, const char *behind, int64_t least, int64_t most,
		       int64_t *ns, struct error *error)
{
	char word[WORD_MAX];
	next_word(cursor, word);
	if (parse_number(word, METRIC_TIME, ns) && *ns >= least && *ns <= most)
		return true;
	error_set(error, ERROR_USAGE, "%s takes a time from %s to %s%s%s", behind,
		  human_duration(least).text, human_duration(most).text, word[0] ? ", not " : "",
		  word);
	return error_hint(error, "for instance %s 10m", behind);
}

static bool parse_more(struct cursor *cursor, int sign, struct condition_term *term,
		       struct error *error)
{
	char word[WORD_MAX];
	next_word(cursor, word);
	term->kind = CONDITION_BASELINE_PERCENT;
	if (metrics[term->metric].unit == METRIC_PERCENT || !parse_percent(word, &term->number)) {
		term->kind = CONDITION_BASELINE;
		if (!parse_number(word, metrics[term->metric].unit, &term->number))
			return fail_value(word, term->metric, error);
	}
	term->number *= sign;
	return true;
}

static bool parse_value(struct cursor *cursor, struct condition_term *term, struct error *error)
{
	char word[WORD_MAX];
	enum metric_unit unit = metrics[term->metric].unit;
	if (peek_is(cursor, "baseline")) {
		term->kind = CONDITION_BASELINE;
		if (!parse_time(cursor, "baseline", CONDITION_AGE_MIN_NS, CONDITION_AGE_MAX_NS,
				&term->age_ns, error))
			return false;
		if (peek_is(cursor, "+"))
			return parse_more(cursor, 1, term, error);
		return !peek_is(cursor, "-") || parse_more(cursor, -1, term, error);
	}
	next_word(cursor, word);
	if (parse_number(word, unit, &term->number))
		return true;
	term->kind = CONDITION_OF_LIMIT;
	return (unit == METRIC_BYTES && parse_percent(word, &term->number)) ||
	       fail_value(word, term->metric, error);
}

static bool parse_term(struct cursor *cursor, struct condition_term *term, struct error *error)
{
	return parse_metric(cursor, &term->metric, error) &&
	       parse_operator(cursor, metrics[term->metric].name, &term->compare, error) &&
	       parse_value(cursor, term, error);
}

static bool parse_tail(struct cursor *cursor, struct condition *condition, struct error *error)
{
	char word[WORD_MAX];
	if (peek_is(cursor, "for") &&
	    !parse_time(cursor, "for", 1000000, CONDITION_FOR_MAX_NS, &condition->for_ns, error))
		return false;
	next_word(cursor, word);
	if (!word[0])
		return true;
	error_set(error, ERROR_USAGE, "%s is not understood here", word);
	return error_hint(error, "what may follow is `and`, then `for` and a time, then the end");
}

static bool parse_all(struct cursor *cursor, struct condition *condition, struct error *error)
{
	do {
		if (condition->count == CONDITION_TERMS_MAX) {
			cursor->word_at = cursor->at;
			return error_set(error, ERROR_LIMIT, "more than %d terms joined by `and`",
					 CONDITION_TERMS_MAX);
		}
		if (!parse_term(cursor, &condition->terms[condition->count], error))
			return false;
		condition->count++;
	} while (peek_is(cursor, "and"));
	return parse_tail(cursor, condition, error);
}

bool condition_parse(const char *text, struct condition *out, size_t *column, struct error *error)
{
	struct condition condition = {0};
	struct cursor cursor = {text, text, text};
	*column = 1;
	if (strlen(text) >= sizeof condition.text)
		return error_set(error, ERROR_LIMIT, "a condition is shorter than %zu characters",
				 sizeof condition.text);
	snprintf(condition.text, sizeof condition.text, "%s", text);
	if (!parse_all(&cursor, &condition, error)) {
		*column = (size_t)(cursor.word_at - text) + 1;
		return false;
	}
	*out = condition;
	return true;
}

// ---- in words ----

static void explain_value(const struct condition_term *term, struct strbuf *out)
{
	const struct metric_row *row = &metrics[term->metric];
	if (term->kind == CONDITION_FIXED) {
		strbuf_add(out, metric_text(row->unit, term->number).text);
		return;
	}
	if (term->kind == CONDITION_OF_LIMIT) {
		strbuf_addf(out, _("%s of the limit"),
			    metric_text(METRIC_PERCENT, term->number).text);
		return;
	}
	int64_t more = term->number < 0 ? -term->number : term->number;
	enum metric_unit unit =
		term->kind == CONDITION_BASELINE_PERCENT ? METRIC_PERCENT : row->unit;
	strbuf_addf(out, _("what it was %s before"), human_duration(term->age_ns).text);
	if (more)
		strbuf_addf(out, term->number < 0 ? _(" less %s") : _(" plus %s"),
			    metric_text(unit, more).text);
}

void condition_explain(const struct condition *condition, struct strbuf *out)
{
	static const char *const words[] = {[CONDITION_OVER] = N_("above"),
					    [CONDITION_AT_LEAST] = N_("at least"),
					    [CONDITION_UNDER] = N_("below"),
					    [CONDITION_AT_MOST] = N_("at most")};
	for (size_t i = 0; i < condition->count; i++) {
		const struct condition_term *term = &condition->terms[i];
		strbuf_addf(out, _("%s%s (%s) is %s "), i ? _(", and ") : "",
			    metrics[term->metric].name, i18n_text(metrics[term->metric].what),
			    _(words[term->compare]));
		explain_value(term, out);
	}
	if (condition->for_ns)
		strbuf_addf(out, _(", for %s without a break"),
			    human_duration(condition->for_ns).text);
}

// ---- whether it holds ----

static int64_t clamp(double value)
{
	return value > 9e18 ? INT64_MAX : value < -9e18 ? INT64_MIN : (int64_t)value;
}

bool condition_threshold(const struct condition_term *term, const struct readings *readings,
			 const int64_t *before, int64_t *threshold)
{
	double part = (double)term->number / 10000;
	switch (term->kind) {
	case CONDITION_OF_LIMIT:
		*threshold = clamp((double)readings->limit_bytes * part);
		return readings->limit_bytes > 0;
	case CONDITION_BASELINE:
		*threshold = before ? clamp((double)*before + (double)term->number) : 0;
		return before != NULL;
	case CONDITION_BASELINE_PERCENT:
		*threshold = before ? clamp((double)*before * (1 + part)) : 0;
		return before != NULL;
	default:
		*threshold = term->number;
		return true;
	}
}

enum truth condition_term_holds(const struct condition_term *term, const struct readings *readings,
				const int64_t *before)
{
	int64_t threshold, value = readings->values[term->metric];
	if (!readings->known[term->metric] ||
	    !condition_threshold(term, readings, before, &threshold))
		return TRUTH_UNKNOWN;
	bool holds = term->compare == CONDITION_OVER       ? value > threshold
		     : term->compare == CONDITION_AT_LEAST ? value >= threshold
		     : term->compare == CONDITION_UNDER    ? value < threshold
							   : value <= threshold;
	return holds ? TRUTH_YES : TRUTH_NO;
}
