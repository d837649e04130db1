// SPDX-License-Identifier: Apache-2.0
// In: CPU time and memory of the watch. Out: how much slower it has to sample.
#include "watch/budget.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/i18n.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/units.h"

enum { ROOM_PERCENT = 40 }; // twice as often has to fit again

enum budget_news budget_update(struct budget *budget, const struct watch_budget *limits,
			       int64_t now_ns, int64_t cpu_ns, int64_t memory_bytes)
{
	int64_t passed_ns = now_ns - budget->since_ns, used_ns = cpu_ns - budget->since_cpu_ns;
	bool first = !budget->since_ns;
	if (!first && passed_ns >= 0 && passed_ns < BUDGET_WINDOW_NS)
		return BUDGET_NO_NEWS;
	budget->since_ns = now_ns;
	budget->since_cpu_ns = cpu_ns;
	budget->memory_bytes = memory_bytes;
	if (first || passed_ns < 0 || used_ns < 0)
		return BUDGET_NO_NEWS;
	budget->cpu_permyriad = (int)((double)used_ns / (double)passed_ns * 10000);
	if (budget->cpu_permyriad > limits->cpu_permyriad && budget->slow < BUDGET_SLOW_MAX) {
		budget->slow++;
		return BUDGET_SLOWER;
	}
	if (budget->slow && budget->cpu_permyriad * 100 < limits->cpu_permyriad * ROOM_PERCENT) {
		budget->slow--;
		return BUDGET_FASTER;
	}
	if (memory_bytes > limits->memory_bytes && !budget->memory_told) {
		budget->memory_told = true;
		return BUDGET_MEMORY;
	}
	return BUDGET_NO_NEWS;
}

static int64_t own_cpu_ns(void)
{
	struct rusage usage;
	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return 0;
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static int64_t own_memory_bytes(void)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	if (!file_read_path(AT_FDCWD, "/proc/self/statm", 4096, &text, &size, NULL))
		return 0;
	const char *resident = strchr(text, ' ');
	return resident ? strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

void budget_measure(struct budget *budget, const struct watch_budget *limits, int64_t now_ns,
		    const struct progress *progress)
{
	if (budget->since_ns && now_ns - budget->since_ns < BUDGET_WINDOW_NS)
		return;
	enum budget_news news =
		budget_update(budget, limits, now_ns, own_cpu_ns(), own_memory_bytes());
	struct metric_text used = metric_text(METRIC_PERCENT, budget->cpu_permyriad);
	if (news == BUDGET_SLOWER)
		progress_say(progress,
			     "the watch took %s of a core, more than its budget: in calm times it "
			     "samples %d times more seldom than it should",
			     used.text, 1 << budget->slow);
	else if (news == BUDGET_FASTER)
		progress_say(progress, "the watch took %s of a core: it samples %s", used.text,
			     budget->slow ? _("more often again")
					  : _("as often as it should again"));
	else if (news == BUDGET_MEMORY)
		progress_say(progress, "the watch takes %s of memory, more than its budget of %s",
			     human_bytes(budget->memory_bytes).text,
			     human_bytes(limits->memory_bytes).text);
}
