// The one program of the cluster's pods.
//
//	pause                    wait to be ended
//	pause exit CODE [AFTER]  end with CODE, AFTER a duration such as 2s
//	pause serve PORT [AFTER] answer every request on PORT with 200, AFTER a duration such as 2s
//	pause get URL [FOR]      print what URL answers, end with 1 when nothing does within two seconds, or FOR them
//	pause resolve NAME       print the addresses of NAME, end with 1 when there is none
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// ask does what ends by itself, and says whether it was asked for that.
func ask(what, whom string, limit time.Duration) bool {
	var err error
	switch what {
	case "get":
		for until := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
			var answer *http.Response
			if answer, err = (&http.Client{Timeout: 2 * time.Second}).Get(whom); err == nil {
				_, err = io.Copy(os.Stdout, answer.Body)
			}
			if err == nil || time.Now().After(until) {
				break
			}
		}
	case "resolve":
		var found []string
		if found, err = net.LookupHost(whom); err == nil {
			fmt.Println(found)
		}
	default:
		return false
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func main() {
	if len(os.Args) > 2 {
		var limit time.Duration
		if len(os.Args) > 3 {
			limit, _ = time.ParseDuration(os.Args[3])
		}
		if ask(os.Args[1], os.Args[2], limit) {
			return
		}
	}
	if len(os.Args) > 3 {
		if wait, err := time.ParseDuration(os.Args[3]); err == nil {
			time.Sleep(wait)
		}
	}
	if len(os.Args) > 2 {
		number, err := strconv.Atoi(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		switch os.Args[1] {
		case "exit":
			fmt.Println("ending with", number)
			os.Exit(number)
		case "serve":
			go func() {
				handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
				fmt.Fprintln(os.Stderr, http.ListenAndServe(fmt.Sprintf(":%d", number), handler))
				os.Exit(1)
			}()
		}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			os.Exit(0)
		}
		// As the first process of a pod it inherits the dead ones of all others.
		for {
			if dead, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); dead <= 0 || err != nil {
				break
			}
		}
	}
}
