// SPDX-License-Identifier: Apache-2.0
/*
 * What a URL (http or https) answers, into a descriptor. libcurl does it; it is loaded only here,
 * so that nobody else pays for starting it.
 *
 * Looking up the name, connecting and TLS need a socket to be made; then the privileges go
 * (sandbox_enter with SANDBOX_SOCKET), and only after that the request is sent: what the other side
 * answers is parsed without privileges. So call it in a process of its own, and leave by _exit.
 * Redirections are not followed, proxies of the environment are not used.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct fetch_limits {
	size_t bytes;
	long connect_seconds, seconds;
};

bool fetch_is_url(const char *text);
// Writes the body to `fd`. ERROR_LIMIT where it is larger or slower than the limits.
bool fetch_url(const char *url, int fd, const struct fetch_limits *limits,
	       struct error *error) must_check;
