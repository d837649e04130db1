// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

type report struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
	Rows  int    `json:"rows"`
}

// reportStore is read-only once it is made, so its handlers need no lock.
type reportStore struct {
	byID map[int]report
}

func newReportStore() *reportStore {
	const count = 500
	store := &reportStore{byID: make(map[int]report, count)}
	for id := 1; id <= count; id++ {
		store.byID[id] = report{ID: id, Title: fmt.Sprintf("Report %d", id), Rows: 37 * id % 1000}
	}
	return store
}

func (s *reportStore) list(c *gin.Context) {
	page := make([]report, 0, 50)
	for id := 1; id <= cap(page); id++ {
		page = append(page, s.byID[id])
	}
	c.JSON(http.StatusOK, gin.H{"total": len(s.byID), "reports": page})
}

func (s *reportStore) get(c *gin.Context) {
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": "the id is not a number"})
		return
	}
	found, ok := s.byID[id]
	if !ok {
		c.JSON(http.StatusNotFound, gin.H{"error": "no such report"})
		return
	}
	c.JSON(http.StatusOK, found)
}
