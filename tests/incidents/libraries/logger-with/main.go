// SPDX-License-Identifier: Apache-2.0

// Logger-with gives the logger of each batch the fields of all batches before.
package main

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"example.com/incidents/internal/lab"
)

type worker struct {
	log  *zap.Logger
	logs []*zap.Logger
}

func main() {
	lab.Fill(10)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
		zapcore.AddSync(io.Discard), zap.WarnLevel)
	w := &worker{log: zap.New(core)}
	lab.Run(150, func(i int) { w.handle(i) })
}

//go:noinline
func (w *worker) handle(batch int) {
	w.log = w.log.With(zap.String("batch", "of the day"), zap.Int("number", batch)) // guilty
	w.logs = append(w.logs, w.log)
}
