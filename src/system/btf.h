// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's own description of its types, /sys/kernel/btf/vmlinux: where a structure has a
 * member, and what the parameters of a tracepoint are.
 *
 * Follows Linux Documentation/bpf/btf.rst.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"

struct btf {
	struct reader types, strings;
};

// Over bytes that the caller keeps.
bool btf_open(const void *data, size_t size, struct btf *btf, struct error *error) must_check;
// The offset in bytes of a member that is no bit field. ERROR_NOT_FOUND where it has none.
bool btf_find_member(const struct btf *btf, const char *structure, const char *member,
		     uint32_t *offset, struct error *error) must_check;
// Whether the first parameter of the tracepoint NAME is a pointer.
bool btf_takes_pointer(const struct btf *btf, const char *tracepoint, bool *is_pointer,
		       struct error *error) must_check;
