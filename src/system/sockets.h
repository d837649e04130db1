// SPDX-License-Identifier: Apache-2.0
/*
 * What a process's descriptors are: for a socket its two ends, else what the kernel calls it.
 * Opened with privileges (the links in /proc/PID/fd are read then), the tables of /proc/PID/net are
 * parsed when they are first needed.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { SOCKETS_FDS_MAX = 1 << 20 };

struct sockets;

// `process_fd`: the directory /proc/PID.
bool sockets_open(int process_fd, struct sockets **sockets, struct error *error) must_check;
void sockets_free(struct sockets *sockets); // NULL is allowed
// "tcp 127.0.0.1:80 from 10.0.0.1:5000, established", "pipe:[123]"; false where it is not known.
bool sockets_describe(struct sockets *sockets, uint64_t fd, struct strbuf *out);
