// A metric with the value that it is told.
//
//	exporter PORT
//
// GET /metrics has the gauge `wanted`; PUT /wanted with a number as its body sets it.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	var lock sync.Mutex
	value := 0.0
	http.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		fmt.Fprintf(w, "# TYPE wanted gauge\nwanted %g\n", value)
	})
	http.HandleFunc("PUT /wanted", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			lock.Lock()
			defer lock.Unlock()
			value, err = strconv.ParseFloat(strings.TrimSpace(string(body)), 64)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":"+os.Args[len(os.Args)-1], nil))
	os.Exit(1)
}
