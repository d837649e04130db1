// SPDX-License-Identifier: Apache-2.0
// In: an open runtime, its statistics and spans. Out: the runtime part of a snapshot.
#include "snapshot/runtime_part.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

enum {
	ENVIRONMENT_MAX = 4 << 20,          // the kernel allows a quarter of the stack's limit
	COLLECTION_PATIENCE_NS = 100000000, // one under way may be waited for
};

// Without the environment the settings in force are known all the same.
static void add_environment(int fd, struct go_settings *settings)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	if (fd >= 0 && file_read(fd, "/proc/PID/environ", ENVIRONMENT_MAX, &text, &size, NULL))
		go_settings_add_environment(settings, text, size);
}

bool runtime_part_take(const struct runtime_part_source *source, struct snapshot_runtime *out,
		       struct error *error)
{
	struct go_scheduler scheduler = {0};
	if (!go_scheduler_read(source->runtime, &scheduler, error))
		return false;
	out->scheduler = scheduler;
	go_gc_state_read(source->runtime, source->stats, &out->gc);
	go_settings_read(source->runtime, source->stats, &out->settings);
	add_environment(source->environ_fd, &out->settings);
	go_span_classes_sum(source->spans, &out->classes);
	out->pools_known = go_pools_read(source->runtime, source->spans, &out->pools, NULL);
	out->backlog_known = go_backlog_find(source->runtime, source->spans, &out->backlog, NULL);
	go_metrics_compute(source->runtime, source->stats, &out->gc, &out->scheduler,
			   &out->metrics);
	for (int i = 0; i < GO_SETTING_COUNT; i++)
		(void)!go_setting_find(source->runtime, (enum go_setting_id)i,
				       &out->writable[i].place, &out->writable[i].absent);
	go_last_collection_read(source->runtime, source->in_haste ? 0 : COLLECTION_PATIENCE_NS,
				&out->last_collection);
	out->taken_monotonic_ns = clock_monotonic_ns();
	return true;
}

void runtime_part_deinit(struct snapshot_runtime *part)
{
	go_scheduler_deinit(&part->scheduler);
}
