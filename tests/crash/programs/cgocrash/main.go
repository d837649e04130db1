// SPDX-License-Identifier: Apache-2.0

// Command cgocrash dies in C.
package main

/*
#include <stdlib.h>
static void lower(char *text) { *text = 'x'; }
static void stop(void) { abort(); }
*/
import "C"

import "os"

func convert(text *C.char) { C.lower(text) }

func main() {
	if os.Args[1] == "abort" {
		C.stop()
	}
	convert(nil)
}
