// SPDX-License-Identifier: Apache-2.0
/*
 * go-layout: where fields are, by the DWARF of a Go program.
 *
 *     go-layout BINARY < PATHS     one path a line; prints one number a line, "-" if there is none
 *
 * Paths are those of src/golang/dwarf_layout.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "golang/dwarf_layout.h"

enum { ROWS_MAX = 1024, PATH_BYTES_MAX = 256 };

int main(int count, char **arguments)
{
	static char lines[ROWS_MAX][PATH_BYTES_MAX];
	static const char *paths[ROWS_MAX];
	static int values[ROWS_MAX];
	size_t rows = 0;
	struct error error;
	if (count != 2) {
		fputs("usage: go-layout BINARY < PATHS\n", stderr);
		return 2;
	}
	for (; rows < ROWS_MAX && scanf("%255s", lines[rows]) == 1; rows++)
		paths[rows] = lines[rows];
	_cleanup_close_ int fd = open(arguments[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !dwarf_layout_paths(fd, paths, values, rows, &error)) {
		fprintf(stderr, "go-layout: %s: no DWARF\n", arguments[1]);
		return 2;
	}
	for (size_t i = 0; i < rows; i++)
		if (values[i] < 0)
			puts("-");
		else
			printf("%d\n", values[i]);
	return EXIT_SUCCESS;
}
