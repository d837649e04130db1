// SPDX-License-Identifier: Apache-2.0

// Sql-open-each opens a pool of database connections for each request.
package main

import (
	"database/sql"
	"database/sql/driver"
	"errors"

	"example.com/incidents/internal/lab"
)

type nothing struct{}

func (nothing) Open(string) (driver.Conn, error) { return nil, errors.New("no database") }

func main() {
	sql.Register("nothing", nothing{})
	lab.Fill(10)
	lab.Run(500, func(int) { lookup() })
}

func lookup() error {
	db, err := sql.Open("nothing", "dsn") // guilty
	if err != nil {
		return err
	}
	return db.Ping()
}
