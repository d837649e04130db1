// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
)

// A driver that has one endless table.
type fake struct{}
type connection struct{}
type statement struct{}
type rows struct{}

func (fake) Open(string) (driver.Conn, error)                { return connection{}, nil }
func (connection) Prepare(string) (driver.Stmt, error)       { return statement{}, nil }
func (connection) Close() error                              { return nil }
func (connection) Begin() (driver.Tx, error)                 { return nil, io.EOF }
func (statement) Close() error                               { return nil }
func (statement) NumInput() int                              { return 0 }
func (statement) Exec([]driver.Value) (driver.Result, error) { return nil, io.EOF }
func (statement) Query([]driver.Value) (driver.Rows, error)  { return rows{}, nil }
func (rows) Columns() []string                               { return []string{"n"} }
func (rows) Close() error                                    { return nil }
func (rows) Next(values []driver.Value) error                { values[0] = int64(1); return nil }

var database *sql.DB

func openDatabase() {
	sql.Register("fake", fake{})
	database, _ = sql.Open("fake", "")
	database.Ping()
}

func leavesRowsOpen() {
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	result, err := database.QueryContext(ctx, "select")
	if err != nil {
		panic(err)
	}
	result.Next()
}
