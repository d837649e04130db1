// SPDX-License-Identifier: Apache-2.0

// Limit-above needs what it always needs, and is killed all the same: a neighbour below the same
// limit grows.
package main

import (
	"os"

	"example.com/incidents/internal/lab"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "beside" {
		lab.Ready()
		lab.Grow(20, 400)
	}
	lab.Fill(60)
	lab.Run(20, func(int) {})
}
