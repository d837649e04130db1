// SPDX-License-Identifier: Apache-2.0

//go:build !go1.19

package main

// There is none before Go 1.19.
func setMemoryLimit(int64) int64 {
	return 0
}
