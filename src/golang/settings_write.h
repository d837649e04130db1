// SPDX-License-Identifier: Apache-2.0
/*
 * The one place that writes to a target. It runs with privileges, so it looks at no foreign byte
 * but the 4 or 8 of the setting itself, as a number, and at the numbers of /proc/PID/maps.
 *
 * The boundary: who has read the target (a child in the sandbox, setting_places.h) says where a
 * setting is and what it held. That is not trusted. Before a byte is written here
 *   - the value has to be one that this setting can have, the address aligned to its width,
 *   - the address has to lie in a mapping of this process that is private and writable, so that
 *     nobody but the target can be changed, and the target only where it could change itself,
 *   - the variable has to hold what it held when it was found,
 *   - and the process has to be the same: the descriptor was opened before the target was read, and
 *     the kernel ties it to that address space for good, whatever the process id means later.
 * A target that lies about itself can so get its own private memory changed, in one variable, and
 * nothing else. After the write the variable is read again.
 */
#pragma once

#include "golang/setting_places.h"
#include "system/process.h"

struct go_settings_writer {
	const struct process_files *files; // borrowed
	int mem;                           // /proc/PID/mem, open for writing
};

// Before the target is read; needs the right to trace the process. Writes nothing.
bool go_settings_writer_open(const struct process_files *files, struct go_settings_writer *writer,
			     struct error *error) must_check;
void go_settings_writer_close(struct go_settings_writer *writer);
// ERROR_BAD_DATA where the place cannot be one of the setting or the value moved; the target is
// unchanged then. Where reading back shows another value, the error says which.
bool go_setting_write(const struct go_settings_writer *writer, enum go_setting_id setting,
		      const struct go_setting_place *place, int64_t value,
		      struct error *error) must_check;
