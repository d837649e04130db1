// SPDX-License-Identifier: Apache-2.0
// What the two processes of a capture agree on: worker.c is the watch's side, worker_run.c the
// worker's.
#pragma once

#include "watch/worker.h"

enum news_kind {
	NEWS_TAKEN,
	NEWS_TARGET_FREE,
	NEWS_WRITTEN_AGAIN, // the files beside
	NEWS_NOTHING_MORE,  // or not
	NEWS_FINISHED,
	NEWS_PRINTED
};

// From the worker to the watch.
struct worker_news {
	uint8_t kind; // enum news_kind
	uint8_t taken, stored, whole, needs_target, printed;
	int64_t duration_ns;
	struct error error;
	struct worker_summary summary;
};

// The whole life of the worker.
_Noreturn void worker_run(const struct worker_request *request, int channel);
