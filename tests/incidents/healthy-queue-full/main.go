// SPDX-License-Identifier: Apache-2.0

// Healthy-queue-full has a bounded queue that is always nearly full, because its producers wait for
// room in it, as they should; it drains as fast as it is filled.
package main

import (
	"os"
	"time"

	"example.com/incidents/internal/lab"
)

var queue = make(chan []byte, 4000)

func main() {
	lab.Fill(10)
	for i := 0; i < 4; i++ {
		go produce()
	}
	go consume()
	time.Sleep(time.Second)
	lab.Run(1, func(int) {})
}

func produce() {
	for {
		queue <- make([]byte, 8<<10)
	}
}

func consume() {
	each := 50 // then it rests
	if len(os.Args) > 1 && os.Args[1] == "slow" {
		each = 1
	}
	for i := 0; ; i++ {
		<-queue
		if i%each == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}
