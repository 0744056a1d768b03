// Command clickhouse-front is the development ClickHouse of this project: the HTTP interface of ClickHouse over libchdb.so,
// the ClickHouse engine as a library, because no package registry carries the server itself.
//
// In: flags (--help). Out: ClickHouse's HTTP interface on every --listen address until SIGTERM or SIGINT.
// Stopping refuses new requests, finishes running ones within a bound and leaves without unloading the library, which crashes.
// It deliberately is no production server: one user, no TLS, no native protocol, no sessions over several requests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tributary.dev/e2e/clickhouse/internal/engine"
)

// drainTime bounds how long a stopping server waits for running statements.
const drainTime = 20 * time.Second

type addresses []string

func (list *addresses) String() string { return strings.Join(*list, ",") }

func (list *addresses) Set(value string) error {
	*list = append(*list, value)
	return nil
}

type options struct {
	listen                               addresses
	data, library, user, password, fault string
}

func main() {
	log.SetFlags(log.LstdFlags | log.Lmsgprefix | log.LUTC)
	log.SetPrefix("clickhouse-front: ")
	if err := run(readOptions()); err != nil {
		log.Print(err)
		os.Exit(1)
	}
	// os.Exit ends the process by the system call itself: no C destructor runs.
	os.Exit(0)
}

func readOptions() options {
	var chosen options
	flag.Var(&chosen.listen, "listen", "address to serve HTTP on, host:port (repeatable)")
	flag.StringVar(&chosen.data, "data", "", "data folder, created when missing; one server a folder")
	flag.StringVar(&chosen.library, "library", "", "path of libchdb.so")
	flag.StringVar(&chosen.user, "user", "tributary", "the one user that is let in")
	flag.StringVar(&chosen.password, "password", "", "that user's password")
	flag.StringVar(&chosen.fault, "fault-file", "", "JSON file of faults to play, read again on each request (tests only)")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "clickhouse-front: a DEVELOPMENT server, never for production.\n"+
			"It serves ClickHouse's HTTP interface over libchdb.so. One user, no TLS; session_id and async_insert are accepted and have no effect.\n"+
			"Every reply carries the header "+developmentHeader+": "+developmentValue+".\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	return chosen
}

func run(chosen options) error {
	if len(chosen.listen) == 0 || chosen.data == "" || chosen.library == "" {
		return errors.New("--listen, --data and --library are required; see --help")
	}
	data, err := filepath.Abs(chosen.data)
	if err != nil {
		return fmt.Errorf("find the data folder %s: %w", chosen.data, err)
	}
	if err := os.MkdirAll(data, 0o750); err != nil {
		return fmt.Errorf("create the data folder: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)

	opened, err := engine.Open(chosen.library, data)
	if err != nil {
		return err
	}
	served, err := newFront(opened, chosen.user, chosen.password, chosen.fault)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: served, ReadHeaderTimeout: 30 * time.Second}
	failed := make(chan error, len(chosen.listen))
	var listening addresses
	for _, address := range chosen.listen {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
		listening = append(listening, listener.Addr().String())
		go func() { failed <- server.Serve(listener) }()
	}
	log.Printf("DEVELOPMENT server over libchdb, ClickHouse %s, listening on %s, data in %s", served.version, listening.String(), data)

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case received := <-stop:
		log.Printf("%s: refusing new requests, finishing %d running", received, served.running.Load())
	}
	bounded, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		log.Printf("%d requests still ran after %s; leaving them", served.running.Load(), drainTime)
	}
	log.Print("stopped")
	return nil
}
