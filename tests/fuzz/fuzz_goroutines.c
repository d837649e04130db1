// SPDX-License-Identifier: Apache-2.0
// A file of goroutines, whatever it is: dump, profile, whyoom's own list, bundle.
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crash/goroutine_file.h"
#include "fuzz.h"
#include "goroutine/judge.h"
#include "goroutine/pprof.h"
#include "goroutine/view.h"

static void use(const struct goroutine_set *set)
{
	struct goroutine_view view;
	struct strbuf text = {0};
	struct profile *profile = NULL;
	for (int by = 0; by < GOROUTINE_BY_COUNT; by++) {
		goroutine_view_compare(set, set, (enum goroutine_by)by, &view);
		VEC_FOREACH (row, &view.rows)
			if (goroutine_row_growth(row))
				abort(); // nothing changed
		goroutine_view_deinit(&view);
	}
	VEC_FOREACH (group, &set->groups) {
		struct goroutine_judgement judgement;
		goroutine_judge(group, -1, &judgement);
	}
	goroutine_set_write_text(set, &text);
	goroutine_set_write_folded(set, &text);
	if (goroutine_set_to_profile(set, 0, &profile, NULL))
		profile_free(profile);
	strbuf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct goroutine_file file;
	struct error error = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (goroutine_file_read(fd, "input", size & 1, &file, &error)) {
		use(&file.set);
		goroutine_file_deinit(&file);
	} else if (!error.code || !error.message[0]) {
		abort();
	}
	close(fd);
	return 0;
}
