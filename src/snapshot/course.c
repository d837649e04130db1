// SPDX-License-Identifier: Apache-2.0
// In: samples as they are taken, marks. Out: those of a whole life, the newest as they were.
#include "snapshot/course.h"

#include <string.h>

struct course_sample course_sample_at(int64_t unix_ns)
{
	struct course_sample sample = {.unix_ns = unix_ns};
	for (int i = 0; i < COURSE_METRICS; i++)
		sample.values[i] = -1;
	return sample;
}

// The one without which least is lost: the gap that it leaves is the smallest part of how long ago
// it was. The first one stays: it is where everything is compared with.
static void thin(struct course *course)
{
	const struct course_sample *samples = course->samples;
	int64_t end_ns = samples[course->count - 1].unix_ns;
	double least = 0;
	int found = 0;
	for (int i = 1; i < course->count - 1; i++) {
		double gap = (double)(samples[i + 1].unix_ns - samples[i - 1].unix_ns);
		double part = gap / (double)(end_ns - samples[i].unix_ns);
		if (found && part >= least)
			continue;
		least = part;
		found = i;
	}
	memmove(course->samples + found, samples + found + 1,
		(size_t)(--course->count - found) * sizeof *samples);
}

void course_add(struct course *course, const struct course_sample *sample)
{
	// A clock that was set back: what is older in truth cannot be put in order.
	if (course->count && sample->unix_ns <= course->samples[course->count - 1].unix_ns)
		return;
	if (course->count == COURSE_SAMPLES_MAX)
		thin(course);
	course->samples[course->count++] = *sample;
}

// A text that is cut does not end within a character.
static void set_text(char *out, size_t capacity, const char *text)
{
	size_t length = strnlen(text, capacity);
	if (length == capacity)
		for (length--; length && ((unsigned char)text[length] & 0xc0) == 0x80; length--)
			;
	memcpy(out, text, length);
	out[length] = '\0';
}

void course_mark_set(struct course_mark *mark, int64_t unix_ns, const char *kind, const char *text)
{
	*mark = (struct course_mark){.unix_ns = unix_ns};
	set_text(mark->kind, sizeof mark->kind, kind);
	set_text(mark->text, sizeof mark->text, text);
}

void course_add_mark(struct course *course, int64_t unix_ns, const char *kind, const char *text)
{
	if (course->mark_count == COURSE_MARKS_MAX)
		memmove(course->marks, course->marks + 1,
			(size_t)--course->mark_count * sizeof *course->marks);
	course_mark_set(&course->marks[course->mark_count++], unix_ns, kind, text);
}

void course_cut(struct course *course, int64_t unix_ns)
{
	while (course->count && course->samples[course->count - 1].unix_ns >= unix_ns)
		course->count--;
}

static int within(int count, int most)
{
	return count < 0 ? 0 : count > most ? most : count;
}

void course_tame(struct course *course)
{
	course->count = within(course->count, COURSE_SAMPLES_MAX);
	course->mark_count = within(course->mark_count, COURSE_MARKS_MAX);
	for (int i = 0; i < course->mark_count; i++) {
		struct course_mark *mark = &course->marks[i];
		mark->kind[sizeof mark->kind - 1] = mark->text[sizeof mark->text - 1] = '\0';
	}
}
