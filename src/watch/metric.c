// SPDX-License-Identifier: Apache-2.0
// The metrics, as data.
#include "watch/metric.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/i18n.h"
#include "base/units.h"

#define WITH_SAMPLE N_("nothing: it comes with each sample")
#define GO_COST \
	N_("3 to 12 reads of the target's memory, once a second at most; one helper process")

const struct metric_row metrics[METRICS] = {
	[METRIC_LIMIT_USED] = {"limit_used", METRIC_PERCENT, METRIC_FROM_SAMPLE,
			       N_("the part of the limit that the kernel cannot take back"),
			       WITH_SAMPLE, ""},
	[METRIC_GROWTH] = {"growth", METRIC_BYTES_PER_S, METRIC_FROM_SAMPLE,
			   N_("how fast that grows, over the last second"), WITH_SAMPLE, ""},
	[METRIC_LIMIT_IN] = {"limit_in", METRIC_TIME, METRIC_FROM_SAMPLE,
			     N_("the time until the limit, at that speed"), WITH_SAMPLE, ""},
	[METRIC_USAGE] = {"usage", METRIC_BYTES, METRIC_FROM_SAMPLE,
			  N_("what the cgroup is charged, page cache included"), WITH_SAMPLE, ""},
	[METRIC_ANON] = {"anon", METRIC_BYTES, METRIC_FROM_SAMPLE,
			 N_("the anonymous memory of the cgroup"), WITH_SAMPLE, ""},
	[METRIC_FILE] = {"file", METRIC_BYTES, METRIC_FROM_SAMPLE,
			 N_("the page cache of the cgroup"), WITH_SAMPLE, ""},
	[METRIC_RSS] = {"rss", METRIC_BYTES, METRIC_FROM_PROCESS,
			N_("the resident memory of the process"),
			N_("one read, twice a second at most"), ""},
	[METRIC_HEAP_LIVE] =
		{"heap_live", METRIC_BYTES, METRIC_FROM_RUNTIME,
		 N_("the Go heap: what the last collection marked, and allocated since"), GO_COST,
		 N_("before the first capture")},
	[METRIC_HEAP_MARKED] = {"heap_marked", METRIC_BYTES, METRIC_FROM_RUNTIME,
				N_("what the last collection of the Go heap found alive"), GO_COST,
				N_("before the first capture")},
	[METRIC_GOROUTINES] = {"goroutines", METRIC_COUNT, METRIC_FROM_RUNTIME,
			       N_("the goroutines, as runtime.NumGoroutine counts them"), GO_COST,
			       N_("before the first capture")},
	[METRIC_FDS] = {"fds", METRIC_COUNT, METRIC_FROM_PROCESS,
			N_("the open file descriptors of the process"),
			N_("one stat (Linux 6.2; before, they are counted, more seldom where it is "
			   "dear)"),
			""},
	[METRIC_THREADS] = {"threads", METRIC_COUNT, METRIC_FROM_PROCESS,
			    N_("the threads of the process"),
			    N_("one read, twice a second at most"), ""},
	[METRIC_PSI_SOME] = {"psi_some", METRIC_PERCENT, METRIC_FROM_PRESSURE,
			     N_("the share of the last 10 s in which some task waited for memory"),
			     N_("one read, twice a second at most"),
			     N_("without PSI in the kernel; on cgroup v1 it is the machine's")},
	[METRIC_PSI_FULL] = {"psi_full", METRIC_PERCENT, METRIC_FROM_PRESSURE,
			     N_("the share of the last 10 s in which all tasks waited for memory"),
			     N_("one read, twice a second at most"),
			     N_("without PSI in the kernel; on cgroup v1 it is the machine's")},
	[METRIC_LIMIT_HITS] = {"limit_hits", METRIC_COUNT, METRIC_FROM_SAMPLE,
			       N_("how often the limit was hit in the last 10 s"), WITH_SAMPLE, ""},
	[METRIC_HIGH_HITS] = {"high_hits", METRIC_COUNT, METRIC_FROM_SAMPLE,
			      N_("how often memory.high was passed in the last 10 s"), WITH_SAMPLE,
			      N_("on cgroup v1")},
	[METRIC_OOMS] = {"ooms", METRIC_COUNT, METRIC_FROM_SAMPLE,
			 N_("how often the cgroup ran out of memory in the last 10 s"), WITH_SAMPLE,
			 N_("on cgroup v1")},
	[METRIC_OOM_KILLS] = {"oom_kills", METRIC_COUNT, METRIC_FROM_SAMPLE,
			      N_("how many processes of the cgroup were killed in the last 10 s"),
			      WITH_SAMPLE, ""},
};

struct metric_text metric_text(enum metric_unit unit, int64_t value)
{
	struct metric_text out;
	switch (unit) {
	case METRIC_BYTES:
		snprintf(out.text, sizeof out.text, "%s", human_bytes(value).text);
		break;
	case METRIC_BYTES_PER_S:
		snprintf(out.text, sizeof out.text, "%s/s", human_bytes(value).text);
		break;
	case METRIC_PERCENT:
		if (value % 100)
			snprintf(out.text, sizeof out.text, "%.1f%%", (double)value / 100);
		else
			snprintf(out.text, sizeof out.text, "%" PRId64 "%%", value / 100);
		break;
	case METRIC_TIME:
		snprintf(out.text, sizeof out.text, "%s",
			 value == INT64_MAX ? "never" : human_duration(value).text);
		break;
	default:
		snprintf(out.text, sizeof out.text, "%s", human_count(value).text);
	}
	return out;
}
