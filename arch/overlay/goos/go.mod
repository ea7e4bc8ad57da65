module runtime/goos

go 1.26.8
