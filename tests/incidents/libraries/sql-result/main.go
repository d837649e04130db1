// SPDX-License-Identifier: Apache-2.0

// Sql-result exports a table: all rows of it are in a slice before the first is written.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/incidents/internal/lab"
)

type order struct {
	id             int64
	customer, text string
	at             time.Time
}

func main() {
	url := fmt.Sprintf("postgres://lab:lab@%s/lab?sslmode=disable&default_query_exec_mode=simple_protocol",
		lab.Peer(serve))
	lab.Fill(10)
	lab.Ready()
	export := bySQL
	if os.Args[1] == "pgx" {
		export = byPgx
	}
	orders, err := export(url)
	fmt.Println(len(orders), err)
}

func bySQL(url string) ([]order, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	rows, err := db.Query("select id, customer, text, at from orders")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var orders []order
	for rows.Next() { // guilty
		var o order
		if err := rows.Scan(&o.id, &o.customer, &o.text, &o.at); err != nil { // guilty
			return nil, err
		}
		orders = append(orders, o) // guilty
	}
	return orders, rows.Err()
}

func byPgx(url string) ([]order, error) {
	connection, err := pgx.Connect(context.Background(), url)
	if err != nil {
		return nil, err
	}
	rows, err := connection.Query(context.Background(), "select id, customer, text, at from orders")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o order, err error) { // guilty
		err = row.Scan(&o.id, &o.customer, &o.text, &o.at) // guilty
		return o, err
	})
}

// Serve is a database that has one table, which is very large.
func serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go answer(pgproto3.NewBackend(connection, connection))
	}
}

func answer(client *pgproto3.Backend) {
	client.ReceiveStartupMessage()
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	client.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	for {
		client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		client.Flush()
		message, err := client.Receive()
		if err != nil {
			return
		}
		query, ok := message.(*pgproto3.Query)
		if !ok {
			return
		}
		if query.String != "-- ping" {
			sendRows(client)
		}
		client.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	}
}

func sendRows(client *pgproto3.Backend) {
	column := func(name string, kind uint32) pgproto3.FieldDescription {
		return pgproto3.FieldDescription{Name: []byte(name), DataTypeOID: kind, DataTypeSize: -1}
	}
	client.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
		column("id", pgtype.Int8OID), column("customer", pgtype.TextOID),
		column("text", pgtype.TextOID), column("at", pgtype.TimestamptzOID)}})
	for i := 0; ; i++ {
		client.Send(&pgproto3.DataRow{Values: [][]byte{
			[]byte(fmt.Sprint(i)), []byte(fmt.Sprint("customer ", i)),
			[]byte(fmt.Sprintf("%0200d", i)), []byte("2026-01-02 03:04:05+00")}})
		if i%1000 == 0 {
			client.Flush()
			time.Sleep(25 * time.Millisecond)
		}
	}
}
