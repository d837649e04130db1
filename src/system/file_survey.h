// SPDX-License-Identifier: Apache-2.0
/*
 * file_cache_collect in a process of its own, for a caller that gives its privileges up meanwhile
 * and has better things to do first.
 *
 *   file_survey_begin   with privileges: a child opens what would go with the processes, and waits
 *   file_survey_take    without them, whenever there is time: the child counts pages and answers
 *   file_survey_end     ends the child
 *
 * The child keeps its privileges and looks at what file_cache.h says: names and the kernel's
 * numbers. It ends when nobody is left to hear its answer. What it answers holds names that anybody
 * may have chosen, and is parsed like anything foreign.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "system/cgroup.h"
#include "system/file_cache.h"

struct file_survey;

// `budget_ns`: see struct file_cache_request.
bool file_survey_begin(struct cgroup *cgroup, const char *proc_root, int64_t budget_ns,
		       struct file_survey **survey, struct error *error) must_check;
// Once; makes no call that a sandbox would not allow. ERROR_LIMIT where no answer came in time.
bool file_survey_take(struct file_survey *survey, struct file_cache *cache,
		      struct error *error) must_check;
void file_survey_end(struct file_survey *survey); // NULL is allowed

// What goes from the child to the caller.
void file_cache_pack(const struct file_cache *cache, struct strbuf *out);
bool file_cache_unpack(const void *data, size_t size, struct file_cache *cache,
		       struct error *error) must_check;
