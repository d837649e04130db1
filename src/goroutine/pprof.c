// SPDX-License-Identifier: Apache-2.0
// In: a goroutine profile, or groups. Out: the other of the two.
#include "goroutine/pprof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum { LABELS_MAX = 4096 };

// ---- the runtime's frames ----

static const struct {
	const char *function, *reason;
} waiting[] = {
	{"sync.runtime_SemacquireMutex", "sync.Mutex.Lock"},
	{"internal/sync.runtime_SemacquireMutex", "sync.Mutex.Lock"},
	{"sync.runtime_SemacquireRWMutexR", "sync.RWMutex.RLock"},
	{"sync.runtime_SemacquireRWMutex", "sync.RWMutex.Lock"},
	{"sync.runtime_SemacquireWaitGroup", "sync.WaitGroup.Wait"},
	{"sync.runtime_notifyListWait", "sync.Cond.Wait"},
	{"sync.runtime_Semacquire", "semacquire"},
	{"internal/poll.runtime_Semacquire", "semacquire"},
	{"internal/poll.runtime_pollWait", "IO wait"},
	{"time.Sleep", "sleep"},
	{"runtime.netpollblock", "IO wait"},
	{"runtime.chanrecv", "chan receive"},
	{"runtime.chansend", "chan send"},
	{"runtime.selectgo", "select"},
	{"runtime.block", "select (no cases)"},
	{"runtime.timeSleep", "sleep"},
	{"runtime.notetsleepg", "syscall"},
	{"runtime.ensureSigM.func1", "select"},
};

const char *goroutine_wait_of_frames(const struct goroutine_frame *frames, size_t depth)
{
	for (size_t row = 0; row < sizeof waiting / sizeof *waiting; row++)
		for (size_t i = 0; i < depth && i < 8; i++)
			if (strcmp(frames[i].function, waiting[row].function) == 0)
				return waiting[row].reason;
	return NULL;
}

// Source: runtime/traceback.go (showfuncinfo).
static bool is_hidden(const char *function)
{
	return strncmp(function, "runtime.", 8) == 0 && !(function[8] >= 'A' && function[8] <= 'Z');
}

size_t goroutine_hide_frames(struct goroutine_frame *frames, size_t depth)
{
	size_t kept = 0;
	for (size_t i = 0; i < depth; i++)
		kept += !is_hidden(frames[i].function);
	if (!kept)
		return depth;
	kept = 0;
	for (size_t i = 0; i < depth; i++)
		if (!is_hidden(frames[i].function))
			frames[kept++] = frames[i];
	return kept;
}

// Source: runtime/traceback.go (isSystemGoroutine).
bool goroutine_is_system(const char *start, const char *creator)
{
	return strncmp(start, "runtime.", 8) == 0 && strcmp(start, "runtime.main") != 0 &&
	       (!creator[0] || strncmp(creator, "runtime.", 8) == 0) &&
	       strcmp(start, "runtime.goexit") != 0;
}

// ---- from a profile ----

static uint32_t find_type(const struct profile *profile)
{
	static const char *const types[] = {"goroutine", "goroutines", "goroutineleak"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		uint32_t type = profile_find_sample_type(profile, types[i]);
		if (type != PROFILE_NONE)
			return type;
	}
	return PROFILE_NONE;
}

typedef VEC(struct goroutine_frame) frames_t;

static void add_location(struct goroutine_set *set, const struct profile *profile, uint32_t index,
			 frames_t *frames)
{
	const struct profile_location *location = &profile->locations.items[index];
	char name[32];
	for (uint32_t i = 0; i < location->line_count; i++) {
		const struct profile_line *line = &location->lines[i];
		const struct profile_function *function = &profile->functions.items[line->function];
		vec_push(frames, {function->name, function->file, line->line});
	}
	if (location->line_count)
		return;
	int length = snprintf(name, sizeof name, "0x%" PRIx64, location->address);
	const char *copy = arena_string(&set->arena, name, (size_t)length);
	vec_push(frames, {copy ? copy : "", "", 0});
}

// Labels that goroutine_set_to_profile made.
static const char state_key[] = "goroutine state", labels_key[] = "goroutine labels";

static const char *find_label(const struct profile_sample *sample, const char *key)
{
	for (uint32_t i = 0; i < sample->label_count; i++)
		if (strcmp(sample->labels[i].key, key) == 0)
			return sample->labels[i].text;
	return NULL;
}

static void format_labels(const struct profile_sample *sample, struct strbuf *out)
{
	const char *whole = find_label(sample, labels_key);
	strbuf_clear(out);
	strbuf_addf(out, "%.4096s", whole ? whole : "");
	for (uint32_t i = 0; i < sample->label_count && out->length < LABELS_MAX; i++) {
		const struct profile_label *label = &sample->labels[i];
		if (strcmp(label->key, state_key) == 0 || strcmp(label->key, labels_key) == 0)
			continue;
		strbuf_addf(out, "%s%.256s: ", out->length ? ", " : "", label->key);
		if (label->text)
			strbuf_addf(out, "%.256s", label->text);
		else
			strbuf_addf(out, "%" PRId64, label->number);
	}
}

static void add_sample(struct goroutine_set *set, const struct profile *profile, uint32_t type,
		       const struct profile_sample *sample, frames_t *frames, struct strbuf *labels)
{
	static const struct goroutine_frame nobody = {"", "", 0};
	if (sample->values[type] <= 0)
		return;
	frames->count = 0;
	for (uint32_t i = 0; i < sample->location_count; i++)
		add_location(set, profile, sample->locations[i], frames);
	format_labels(sample, labels);
	size_t depth = frames->count;
	const char *said = find_label(sample, state_key);
	const char *reason = said ? said : goroutine_wait_of_frames(frames->items, depth);
	const char *start = depth ? frames->items[depth - 1].function : "";
	bool waits = reason && goroutine_state_waits(reason);
	struct goroutine_group group = {
		.state = waits    ? "waiting"
			 : reason ? reason
				  : "",
		.wait_reason = waits ? reason : NULL,
		.labels = labels->length ? labels->text : NULL,
		.system = goroutine_is_system(start, ""),
		.created_by = nobody,
		.start = depth ? frames->items[depth - 1] : nobody,
		.count = (uint64_t)sample->values[type],
		.no_stack = depth ? NULL : "the profile has no stack of it",
	};
	group.depth = goroutine_hide_frames(frames->items, depth);
	group.frames = frames->items;
	goroutine_set_add(set, &group);
}

bool goroutine_set_from_profile(const struct profile *profile, struct goroutine_set *set,
				struct error *error)
{
	uint32_t type = find_type(profile);
	frames_t frames = {0};
	struct strbuf labels = {0};
	if (type == PROFILE_NONE) {
		_cleanup_free_ char *has = profile_format_sample_types(profile);
		return error_set(error, ERROR_BAD_DATA, "not a goroutine profile: it has %.200s",
				 has ? has : "nothing");
	}
	VEC_FOREACH (sample, &profile->samples)
		add_sample(set, profile, type, sample, &frames, &labels);
	goroutine_set_sort(set);
	vec_deinit(&frames);
	strbuf_deinit(&labels);
	return true;
}

// ---- to a profile ----

static bool add_frame(struct profile *profile, const struct goroutine_frame *frame,
		      uint32_t *location, struct error *error)
{
	struct profile_line line = {.line = frame->line};
	return profile_add_function(profile, frame->function, frame->file, 0, &line.function,
				    error) &&
	       profile_add_location(profile, PROFILE_NONE, 0, &line, 1, location, error);
}

static bool add_group(struct profile *profile, const struct goroutine_group *group,
		      uint32_t *locations, struct error *error)
{
	int64_t count = (int64_t)group->count;
	const char *state = goroutine_group_state(group);
	struct profile_label labels[2];
	uint32_t label_count = 0;
	size_t depth = group->depth ? group->depth : 1;
	for (size_t i = 0; i < depth; i++)
		if (!add_frame(profile, group->depth ? &group->frames[i] : &group->start,
			       &locations[i], error))
			return false;
	if (state[0])
		labels[label_count++] = (struct profile_label){state_key, state, 0, ""};
	if (group->labels)
		labels[label_count++] = (struct profile_label){labels_key, group->labels, 0, ""};
	return profile_add_sample(profile, locations, (uint32_t)depth, &count, labels, label_count,
				  error);
}

static bool fill(struct profile *profile, const struct goroutine_set *set, struct error *error)
{
	_cleanup_free_ uint32_t *locations = alloc_array(PROFILE_MAX_DEPTH, sizeof *locations);
	if (!profile_add_sample_type(profile, "goroutine", "count", error) ||
	    !profile_set_period(profile, "goroutine", "count", 1, error))
		return false;
	VEC_FOREACH (group, &set->groups)
		if (!group->system && group->depth <= PROFILE_MAX_DEPTH &&
		    !add_group(profile, group, locations, error))
			return false;
	return true;
}

bool goroutine_set_to_profile(const struct goroutine_set *set, int64_t taken_unix_ns,
			      struct profile **out, struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = profile_new();
	profile->time_ns = taken_unix_ns;
	if (!fill(profile, set, error))
		return false;
	*out = take_ptr(profile);
	return true;
}
