// SPDX-License-Identifier: Apache-2.0
// The clocks, in nanoseconds. Code that decides by time takes the time as a parameter, so that a
// test can stand in for it.
#pragma once

#include <stdint.h>

int64_t clock_monotonic_ns(void);
int64_t clock_unix_ns(void);
int64_t clock_cpu_ns(void); // what this process has used of its processors
// The processor's own counter, as runtime.cputicks reads it; 0 where there is none that we know.
int64_t clock_cycles(void);
void clock_sleep_ns(int64_t ns);
