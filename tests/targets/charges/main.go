// SPDX-License-Identifier: Apache-2.0

// Charges makes its cgroup pay for what is not its heap: logs in the page cache, files on a tmpfs,
// buffers of sockets that nobody reads, inodes and dentries of many small files.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.com/targets/internal/control"
)

func main() {
	var log logger
	control.Serve(map[string]control.Command{
		"logs":        log.write,
		"delete-logs": log.delete,
		"file":        writeFile,
		"sockets":     fillSockets,
		"files":       makeFiles,
	}, nil)
}

// twoWords splits "PATH NUMBER".
func twoWords(argument string) (string, int, error) {
	path, number, _ := strings.Cut(argument, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 1<<20 {
		return "", 0, fmt.Errorf("not a path and a number: %q", argument)
	}
	return path, n, nil
}

// writeFile PATH MIB
func writeFile(argument string) error {
	path, mib, err := twoWords(argument)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return fill(file, mib)
}

var block = []byte(strings.Repeat("2026-01-02T03:04:05Z INFO served request in 125 ms, status 200.\n", 1<<14))

func fill(file *os.File, mib int) error {
	for i := 0; i < mib; i++ {
		if _, err := file.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// logger rotates as people's loggers do: it renames the log that is full and begins another.
type logger struct {
	file *os.File
}

const rotateMiB = 24

// write FOLDER MIB
func (l *logger) write(argument string) error {
	folder, mib, err := twoWords(argument)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, "app.log")
	for rotation := 1; ; rotation++ {
		if l.file, err = os.Create(path); err != nil {
			return err
		}
		if mib <= rotateMiB { // the last one stays open
			return fill(l.file, mib)
		}
		if err := fill(l.file, rotateMiB); err != nil {
			return err
		}
		mib -= rotateMiB
		l.file.Close()
		name := fmt.Sprintf("app.log.%d", rotation)
		if rotation%2 == 0 { // as lumberjack names them
			name = fmt.Sprintf("app-2026-01-02T03-04-%02d.000.log", rotation)
		}
		if err := os.Rename(path, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
}

// delete FOLDER
func (l *logger) delete(folder string) error {
	l.file.Close()
	logs, err := filepath.Glob(filepath.Join(folder, "app*"))
	for _, path := range logs {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

var connections []net.Conn

// fillSockets COUNT: connections to itself whose reader never reads.
func fillSockets(argument string) error {
	count, err := strconv.Atoi(argument)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	for i := 0; i < count; i++ {
		sender, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return err
		}
		reader, err := listener.Accept()
		if err != nil {
			return err
		}
		connections = append(connections, sender, reader)
		if err := fillSocket(sender); err != nil {
			return err
		}
	}
	return nil
}

func fillSocket(sender net.Conn) error {
	for {
		sender.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := sender.Write(block); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil // it is full
			}
			return err
		}
	}
}

// makeFiles FOLDER COUNT: empty ones, so that there is an inode and a name and no page.
func makeFiles(argument string) error {
	folder, count, err := twoWords(argument)
	if err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%08d", i)))
		if err != nil {
			return err
		}
		file.Close()
	}
	return nil
}
