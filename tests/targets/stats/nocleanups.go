// SPDX-License-Identifier: Apache-2.0

//go:build !go1.24

package main

// cleanups is for Go 1.24 and later.
func cleanups(int) {}
