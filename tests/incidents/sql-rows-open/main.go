// SPDX-License-Identifier: Apache-2.0

// Sql-rows-open does not close what a query gave when it returns early: all connections are in use,
// and everybody waits for one.
package main

import (
	"database/sql"
	"database/sql/driver"
	"io"

	"example.com/incidents/internal/lab"
)

type fake struct{}

func (fake) Open(string) (driver.Conn, error)           { return fake{}, nil }
func (fake) Prepare(string) (driver.Stmt, error)        { return fake{}, nil }
func (fake) Close() error                               { return nil }
func (fake) Begin() (driver.Tx, error)                  { return nil, io.EOF }
func (fake) NumInput() int                              { return 0 }
func (fake) Exec([]driver.Value) (driver.Result, error) { return nil, io.EOF }
func (fake) Query([]driver.Value) (driver.Rows, error)  { return rows{}, nil }

type rows struct{}

func (rows) Columns() []string             { return []string{"id"} }
func (rows) Close() error                  { return nil }
func (rows) Next(row []driver.Value) error { row[0] = int64(1); return nil }

var db *sql.DB

func main() {
	sql.Register("fake", fake{})
	db, _ = sql.Open("fake", "")
	db.SetMaxOpenConns(10)
	lab.Fill(10)
	lab.Run(400, func(int) { go lookup() })
}

func lookup() (id int64, err error) {
	found, err := db.Query("select id") // guilty
	if err != nil {
		return 0, err
	}
	found.Next()
	return id, found.Scan(&id)
}
