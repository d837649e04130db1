// SPDX-License-Identifier: Apache-2.0
// Between a watch and the process that writes its database: one message a datagram.
#pragma once

#include <stddef.h>

#include "store/events.h"
#include "store/metrics.h"
#include "store/writer.h"

enum message_kind {
	MESSAGE_TARGET,
	MESSAGE_ENDING,
	MESSAGE_SAMPLE,
	MESSAGE_MARK,
	MESSAGE_SNAPSHOT,
	MESSAGE_INCIDENT,
	MESSAGE_KINDS
};

struct message {
	enum message_kind kind;
	int32_t handle; // of the target; -1: of none
	int64_t monotonic_ns;
	union {
		struct store_target target;
		struct store_ending ending;
		struct store_sample sample;
		struct store_mark mark;
		struct store_snapshot snapshot;
		struct store_incident incident;
	};
};

// What goes over the channel of one of `kind`: the union's member and what is before it.
size_t message_size(enum message_kind kind);

// Back: where it stands. Sent after each commit and when the state changes.
struct message_news {
	enum store_state state;
	int64_t committed; // messages, since it began
	struct error error;
};
