// SPDX-License-Identifier: Apache-2.0
#pragma once

// Each calls back into Go, which parks there. `depth`: how often Go calls C again on its way.
void callDirectly(int depth);
void callDeeply(int depth, int frames);
int callOnThread(int depth);
// Starts a thread under seccomp's strict mode, which may only read and write.
int startStrict(void);
