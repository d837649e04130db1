// SPDX-License-Identifier: Apache-2.0

// C-heap gives strings to a C library and does not free them.
package main

/*
#include <stdlib.h>
#include <string.h>

static void use(char *text, int size)
{
	memset(text, 'x', size);
}
*/
import "C"

import "example.com/incidents/internal/lab"

func main() {
	lab.Fill(10)
	lab.Run(2000, func(int) { convert() })
}

func convert() {
	text := C.malloc(8 << 10)
	C.use((*C.char)(text), 8<<10)
}
