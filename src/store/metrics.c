// SPDX-License-Identifier: Apache-2.0
// The metrics, as data.
#include "store/metrics.h"

#include "base/i18n.h"

const struct store_metric_row store_metrics[STORE_METRICS] = {
	[STORE_USAGE] = {"usage_bytes", N_("usage"), STORE_BYTES},
	[STORE_LIMIT] = {"limit_bytes", N_("limit"), STORE_BYTES},
	[STORE_ANON] = {"anon_bytes", "anon", STORE_BYTES},
	[STORE_FILE] = {"file_bytes", "file", STORE_BYTES},
	[STORE_RSS] = {"rss_bytes", "rss", STORE_BYTES},
	[STORE_HEAP_LIVE] = {"heap_live_bytes", N_("live heap"), STORE_BYTES},
	[STORE_HEAP_GOAL] = {"heap_goal_bytes", N_("heap goal"), STORE_BYTES},
	[STORE_GOROUTINES] = {"goroutines", N_("goroutines"), STORE_COUNT},
	[STORE_FDS] = {"fds", "fds", STORE_COUNT},
	[STORE_THREADS] = {"threads", N_("threads"), STORE_COUNT},
	[STORE_PSI_SOME] = {"psi_some_permille", "psi some", STORE_PERMILLE},
	[STORE_PSI_FULL] = {"psi_full_permille", "psi full", STORE_PERMILLE},
};

struct store_sample store_sample_at(int64_t unix_ns)
{
	struct store_sample sample = {.unix_ns = unix_ns};
	for (int i = 0; i < STORE_METRICS; i++)
		sample.values[i] = -1;
	return sample;
}
