// SPDX-License-Identifier: Apache-2.0
// In: stacks of program counters. Out: symbolized, inline-aware locations of a profile.
#include "snapshot/locations.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct locations *locations_new(struct profile *profile, struct functab *functab,
				const struct profile_mapping *executable, struct error *error)
{
	struct locations *locations = alloc_zero(sizeof *locations);
	locations->profile = profile;
	locations->functab = functab;
	locations->mapping = PROFILE_NONE;
	if (executable->file[0] &&
	    !profile_add_mapping(profile, executable, &locations->mapping, error)) {
		locations_free(locations);
		return NULL;
	}
	return locations;
}

void locations_free(struct locations *locations)
{
	if (!locations)
		return;
	map_deinit(&locations->by_pc);
	vec_deinit(&locations->made);
	free(locations);
}

// False when `frame` is not what the last frame of the deck is inlined into.
static bool deck_add(struct locations *locations, taddr_t pc, const struct go_frame *frame)
{
	if (locations->deck_count) {
		const struct go_frame *last = locations->deck[locations->deck_count - 1];
		if (!last->inlined || !last->entry || last->entry != frame->entry ||
		    strcmp(last->function, frame->function) == 0 ||
		    locations->deck_count == PROFILE_MAX_INLINE_DEPTH)
			return false;
	} else {
		locations->deck_pc = pc;
	}
	locations->deck[locations->deck_count++] = frame;
	return true;
}

static bool deck_lines(struct locations *locations, struct profile_line *lines)
{
	for (size_t i = 0; i < locations->deck_count; i++) {
		const struct go_frame *frame = locations->deck[i];
		lines[i] = (struct profile_line){.line = frame->line};
		if (!profile_add_function(locations->profile, frame->function, frame->file,
					  frame->start_line, &lines[i].function, locations->error))
			return false;
	}
	return true;
}

// Makes the deck one location of the sample.
static bool deck_flush(struct locations *locations)
{
	if (!locations->deck_count)
		return true;
	struct profile_line lines[PROFILE_MAX_INLINE_DEPTH];
	uint32_t count = locations->deck[0]->valid ? (uint32_t)locations->deck_count : 0, index;
	if ((count && !deck_lines(locations, lines)) ||
	    !profile_add_location(locations->profile, locations->mapping, locations->deck[0]->pc,
				  lines, count, &index, locations->error))
		return false;
	map_put(&locations->by_pc, locations->deck_pc, locations->made.count, NULL);
	vec_push(&locations->made, {index, locations->deck_count});
	locations->list[locations->count++] = index;
	locations->deck_count = 0;
	return true;
}

bool locations_of_stack(struct locations *locations, const taddr_t *stack, size_t depth,
			struct error *error)
{
	locations->error = error;
	locations->deck_count = 0;
	if (depth > LOCATIONS_STACK_MAX)
		depth = LOCATIONS_STACK_MAX;
	locations->count = 0;
	for (size_t i = 0; i < depth;) {
		const struct go_frame *frame = functab_frame(locations->functab, stack[i]);
		if (locations->deck_count && frame->valid && deck_add(locations, stack[i], frame)) {
			i++;
			continue;
		}
		if (!deck_flush(locations))
			return false;
		const uint64_t *known = map_find(&locations->by_pc, stack[i]);
		if (known) {
			const struct made_location *made = &locations->made.items[*known];
			locations->list[locations->count++] = made->index;
			i += made->pc_count;
			continue;
		}
		if (strcmp(frame->function, "runtime.goexit") != 0)
			deck_add(locations, stack[i], frame);
		i++;
	}
	return deck_flush(locations);
}
