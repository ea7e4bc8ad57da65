// Httpunix serves HTTP on a unix socket and asks itself a few hundred questions at once.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

func main() {
	dir, err := os.MkdirTemp("", "httpunix")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, len(body))
	})
	srv := &http.Server{Handler: mux}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		MaxIdleConnsPerHost: 4,
	}}
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for i := range 8 {
		wg.Go(func() {
			for k := range 25 {
				size := (i*25 + k) * 97
				resp, err := client.Post(fmt.Sprintf("http://unix/echo/%d/%d", i, k), "text/plain", strings.NewReader(strings.Repeat("x", size)))
				check(err)
				b, err := io.ReadAll(resp.Body)
				check(err)
				resp.Body.Close()
				if want := fmt.Sprintf("POST /echo/%d/%d %d", i, k, size); string(b) != want {
					fmt.Printf("got %q, want %q\n", b, want)
					os.Exit(1)
				}
				mu.Lock()
				good++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	check(srv.Shutdown(context.Background()))
	fmt.Println("answers:", good, "server:", <-done)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
