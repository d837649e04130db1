// SPDX-License-Identifier: Apache-2.0

// Package riot stands in for a module of somebody else: workers, and code that calls back.
package riot

// Engine has workers that wait for work for ever.
type Engine struct {
	work chan func()
	stop chan bool
}

// Start makes an engine with workers.
func Start(workers int) *Engine {
	engine := &Engine{make(chan func()), make(chan bool)}
	for i := 0; i < workers; i++ {
		go engine.segmenterWorker()
	}
	return engine
}

func (engine *Engine) segmenterWorker() {
	for work := range engine.work {
		work()
	}
	engine.stop <- true
}

// Submit runs work in a worker.
func (engine *Engine) Submit(work func()) {
	engine.work <- work
}

// Each calls back for each number.
func Each(count int, callback func(int)) {
	for i := 0; i < count; i++ {
		callback(i)
	}
}
