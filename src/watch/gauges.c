// SPDX-License-Identifier: Apache-2.0
// In: open files of a process. Out: rss, threads, descriptors, memory pressure.
#include "watch/gauges.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { FDS_COUNTED = 2000000, COST_SHARE = 200 };

void gauges_begin(struct gauges *gauges, const struct process_files *process,
		  const struct cgroup *cgroup)
{
	*gauges = (struct gauges){
		.process = process, .pressure = -1, .fds = -1, .some_avg10 = -1, .full_avg10 = -1};
	if (!file_open(cgroup_get_dir(cgroup), "memory.pressure", &gauges->pressure, NULL) &&
	    !file_open(AT_FDCWD, "/proc/pressure/memory", &gauges->pressure, NULL))
		gauges->pressure = -1;
}

void gauges_end(struct gauges *gauges)
{
	if (gauges->pressure >= 0)
		close(gauges->pressure);
	gauges->pressure = -1;
}

// What stands behind `key` in the line that begins with `kind`; NULL: nothing.
static const char *find_value(const char *text, const char *kind, const char *key)
{
	const char *line = strstr(text, kind);
	const char *found = line ? strstr(line, key) : NULL;
	const char *end = line ? strchr(line, '\n') : NULL;
	return !found || (end && found > end) ? NULL : found + strlen(key);
}

static void parse_total(const char *text, const char *kind, int64_t *total_us)
{
	const char *total = find_value(text, kind, "total=");
	long long value = total ? strtoll(total, NULL, 10) : -1;
	if (value >= 0)
		*total_us = value;
}

static void parse_average(const char *text, const char *kind, int64_t *average)
{
	const char *found = find_value(text, kind, "avg10=");
	double percent = found ? strtod(found, NULL) : -1;
	if (percent >= 0 && percent <= 100)
		*average = (int64_t)(percent * 100 + 0.5);
}

void gauges_parse_avg10(const char *text, int64_t *some, int64_t *full)
{
	parse_average(text, "some ", some);
	parse_average(text, "full ", full);
}

void gauges_parse_pressure(const char *text, int64_t *some_us, int64_t *full_us)
{
	parse_total(text, "some ", some_us);
	parse_total(text, "full ", full_us);
}

// The share of the time since the last look, in thousandths.
static int64_t share(int64_t before_us, int64_t now_us, int64_t passed_ns)
{
	if (before_us < 0 || now_us < before_us || passed_ns <= 0)
		return -1;
	int64_t permille = (now_us - before_us) / (passed_ns / 1000000 + 1);
	return permille > 1000 ? 1000 : permille;
}

static void take_pressure(struct gauges *gauges, struct store_sample *sample)
{
	char text[512];
	int64_t some_us = -1, full_us = -1, now_ns = clock_monotonic_ns();
	if (gauges->pressure < 0 ||
	    !file_read_into(gauges->pressure, "memory.pressure", text, sizeof text, NULL))
		return;
	gauges_parse_pressure(text, &some_us, &full_us);
	gauges_parse_avg10(text, &gauges->some_avg10, &gauges->full_avg10);
	if (gauges->pressure_ns) {
		int64_t passed_ns = now_ns - gauges->pressure_ns;
		sample->values[STORE_PSI_SOME] = share(gauges->some_us, some_us, passed_ns);
		sample->values[STORE_PSI_FULL] = share(gauges->full_us, full_us, passed_ns);
	}
	gauges->some_us = some_us;
	gauges->full_us = full_us;
	gauges->pressure_ns = now_ns;
}

// Since Linux 6.2 the size of the directory is the number; else it is counted.
static int64_t count_fds(int process_dir)
{
	struct stat status;
	if (fstatat(process_dir, "fd", &status, 0) != 0)
		return -1;
	if (status.st_size > 0)
		return status.st_size;
	int fd = openat(process_dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	int64_t count = 0;
	for (struct dirent *entry; count < FDS_COUNTED && (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

// Where counting is dear it is done more seldom: half a percent of the time at most.
static void take_fds(struct gauges *gauges, struct store_sample *sample)
{
	int64_t now_ns = clock_monotonic_ns();
	if (gauges->fds_ns && now_ns - gauges->fds_ns < gauges->fds_cost_ns * COST_SHARE)
		return;
	int64_t count = count_fds(gauges->process->dir);
	gauges->fds = count > 0 ? count : -1; // none: it is just ending
	gauges->fds_ns = clock_monotonic_ns();
	gauges->fds_cost_ns = gauges->fds_ns - now_ns;
	sample->values[STORE_FDS] = gauges->fds;
}

static void take_rss(const struct gauges *gauges, struct store_sample *sample)
{
	char text[128];
	long long pages;
	if (gauges->process->statm < 0 ||
	    !file_read_into(gauges->process->statm, "statm", text, sizeof text, NULL))
		return;
	const char *second = strchr(text, ' ');
	pages = second ? strtoll(second + 1, NULL, 10) : 0;
	if (pages > 0 && pages < INT64_MAX / sysconf(_SC_PAGESIZE))
		sample->values[STORE_RSS] = pages * sysconf(_SC_PAGESIZE);
}

void gauges_take(struct gauges *gauges, struct store_sample *sample)
{
	struct process_stat stat;
	take_rss(gauges, sample);
	if (process_stat_read(gauges->process, &stat, NULL))
		sample->values[STORE_THREADS] = (int64_t)stat.thread_count;
	take_fds(gauges, sample);
	take_pressure(gauges, sample);
}
