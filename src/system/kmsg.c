// SPDX-License-Identifier: Apache-2.0
// In: /dev/kmsg. Out: records.
#include "system/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "system/text_priv.h"

bool kmsg_open(const char *path, enum kmsg_start start, struct kmsg *kmsg, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		error_set_os(error, errno, "cannot read the kernel's log at %s", path);
		return error_hint(error, "run as root or with CAP_SYSLOG; in a container pass the "
					 "device /dev/kmsg in");
	}
	if (lseek(fd, 0, start == KMSG_FROM_NOW ? SEEK_END : SEEK_SET) < 0) {
		error_set_os(error, errno, "cannot seek in %s", path);
		close(fd);
		return false;
	}
	*kmsg = (struct kmsg){.fd = fd};
	return true;
}

void kmsg_close(struct kmsg *kmsg)
{
	if (kmsg->fd >= 0)
		close(kmsg->fd);
	kmsg->fd = -1;
}

bool kmsg_read(struct kmsg *kmsg, struct kmsg_record *record, bool *got, struct error *error)
{
	char text[KMSG_RECORD_MAX + 1];
	for (;;) {
		ssize_t size = read(kmsg->fd, text, sizeof text - 1);
		if (size > 0) {
			text[size] = '\0';
			*got = true;
			return kmsg_parse(text, record, error);
		}
		if (size == 0 || errno == EAGAIN) {
			*got = false;
			return true;
		}
		if (errno == EPIPE) // records were overwritten; the next read goes on behind
			kmsg->lost_count++;
		else if (errno != EINTR)
			return error_set_os(error, errno, "cannot read the kernel's log");
	}
}

// "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,MORE];TEXT\n KEY=VALUE\n ..."
bool kmsg_parse(const char *text, struct kmsg_record *record, struct error *error)
{
	struct text all = text_over(text), line;
	uint64_t priority, sequence, time_us;
	if (!text_line(&all, &line) || !text_u64(&line, &priority) || !text_skip(&line, ",") ||
	    !text_u64(&line, &sequence) || !text_skip(&line, ",") || !text_u64(&line, &time_us))
		return error_set(error, ERROR_BAD_DATA, "not a record of the kernel's log");
	struct text flags;
	if (!text_skip(&line, ",") || !text_until(&line, ';', &flags) || time_us > INT64_MAX / 1000)
		return error_set(error, ERROR_BAD_DATA, "not a record of the kernel's log");
	record->level = priority & 7;
	record->facility = (unsigned int)(priority >> 3 & 0xffff);
	record->sequence = sequence;
	record->monotonic_us = (int64_t)time_us;
	text_copy(&line, record->text, sizeof record->text);
	return true;
}

int64_t kmsg_unix_offset_ns(void)
{
	return clock_unix_ns() - clock_monotonic_ns();
}
