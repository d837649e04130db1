// SPDX-License-Identifier: Apache-2.0
// How much room UTF-8 text takes on a terminal: Chinese characters and their punctuation take two
// columns. And where a line may be broken: at blanks, and between two Chinese characters.
#pragma once

#include <stddef.h>

// Columns of the first `length` bytes of `text`.
size_t columns_of(const char *text, size_t length);
size_t columns_of_text(const char *text);
// Bytes at the beginning of `text`, which begins with no blank, that stay on one line: a word, or
// one Chinese character with the punctuation behind it. What is in [] stays together. 0 at the end.
size_t columns_unbroken(const char *text);
