// SPDX-License-Identifier: Apache-2.0
/*
 * A guard: a small process that whyoom forks before it changes anything outside itself, and that
 * undoes the change whatever becomes of whyoom.
 */
#pragma once

#include <stddef.h>

// Makes the process that was just forked independent of its parent: a session of its own, deaf to
// every signal that can be blocked, passed by where the OOM killer looks for a victim (if we may),
// and without any descriptor but the `kept` ones (-1 among them is allowed). `name` is what ps
// shows.
void guard_stand_alone(const char *name, const int *kept, size_t count);
