// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"time"

	"example.com/targets/internal/control"
)

// churner runs goroutines that allocate, keep a little for a while, and drop it again.
type churner struct {
	stopping chan struct{}
	running  sync.WaitGroup
}

func (c *churner) command(argument string) error {
	switch argument {
	case "on":
		c.start()
	case "off":
		c.stop()
	default:
		return fmt.Errorf("churn on or off, not %q", argument)
	}
	return nil
}

func (c *churner) start() {
	if c.stopping != nil {
		return
	}
	control.Wake()
	c.stopping = make(chan struct{})
	for worker := 0; worker < 2; worker++ {
		c.running.Add(1)
		go c.run(c.stopping, worker)
	}
}

func (c *churner) stop() {
	if c.stopping == nil {
		return
	}
	close(c.stopping)
	c.running.Wait()
	c.stopping = nil
}

func (c *churner) run(stopping <-chan struct{}, worker int) {
	defer c.running.Done()
	window := make([][]byte, 256)
	for i := 0; ; i++ {
		select {
		case <-stopping:
			return
		default:
		}
		window[i%len(window)] = turn(i, 6)
		window[(i*7)%len(window)] = make([]byte, 100+i%9000)
		if i%1000 == 0 {
			go func() { time.Sleep(time.Millisecond) }()
			time.Sleep(time.Millisecond)
		}
	}
}
