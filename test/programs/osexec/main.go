// Osexec starts children of itself: output, pipes, environment, exit status, signals, kill by context.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		child(os.Args[1])
		return
	}
	self, err := os.Executable()
	check(err)
	out, err := exec.Command(self, "echo").CombinedOutput()
	check(err)
	fmt.Printf("%q\n", out)

	c := exec.Command(self, "upper")
	c.Stdin = strings.NewReader(strings.Repeat("starling ", 20000))
	var b bytes.Buffer
	c.Stdout = &b
	check(c.Run())
	fmt.Println(b.Len(), b.String()[:8])

	c = exec.Command(self, "env")
	c.Env = []string{"COLOUR=iridescent"}
	c.Dir = "/"
	out, err = c.Output()
	check(err)
	fmt.Printf("%q\n", out)

	var ee *exec.ExitError
	err = exec.Command(self, "status").Run()
	fmt.Println(errors.As(err, &ee), err)
	err = exec.Command(self, "abort").Run()
	fmt.Println(errors.As(err, &ee), err)
	_, err = exec.Command("/does/not/exist").Output()
	fmt.Println(err)

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	c = exec.CommandContext(ctx, self, "sleep")
	err = c.Run()
	fmt.Println(err, ctx.Err())

	c = exec.Command(self, "term")
	p, err := c.StdoutPipe()
	check(err)
	check(c.Start())
	line := make([]byte, 6)
	_, err = io.ReadFull(p, line)
	check(err)
	check(c.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(p)
	check(err)
	fmt.Printf("%q %q %v\n", line, rest, c.Wait())
}

func child(what string) {
	switch what {
	case "echo":
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
	case "upper":
		b, err := io.ReadAll(os.Stdin)
		check(err)
		os.Stdout.WriteString(strings.ToUpper(string(b)))
	case "env":
		d, _ := os.Getwd()
		fmt.Println(os.Environ(), d)
	case "status":
		os.Exit(7)
	case "abort":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "sleep":
		time.Sleep(time.Hour)
	case "term":
		c := make(chan os.Signal, 1)
		notify(c)
		fmt.Println("ready")
		fmt.Println(<-c)
		os.Exit(3)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
