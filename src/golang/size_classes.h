// SPDX-License-Identifier: Apache-2.0
/*
 * The sizes that the Go heap rounds small objects up to. Class 0 stands for large objects, which
 * have a span each. Source: runtime/sizeclasses.go, internal/runtime/gc/sizeclasses.go; the same
 * numbers in Go 1.16 to 1.27. They are data of the compiler, not of the layout: the spans of a
 * target are compared with them (span_classes.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	GO_SIZE_CLASSES = 68,
	GO_SPAN_CLASSES = 2 * GO_SIZE_CLASSES, // each size with pointers and without
	GO_TINY_SPAN_CLASS = 2 << 1 | 1,       // where objects below 16 bytes share a slot
};

// 0 for class 0 and for what is no class.
uint64_t go_size_class_bytes(size_t size_class);
