// SPDX-License-Identifier: Apache-2.0

// Healthy-waves works off a batch every four seconds. Whoever looks before a batch and at the end of one
// sees growth.
package main

import "example.com/incidents/internal/lab"

func main() {
	lab.Waves(func(int) {})
}
