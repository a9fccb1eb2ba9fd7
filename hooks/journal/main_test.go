package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// The test binary is also the other processes that some tests need: what they
// do is the first word after this variable's name.
const roleVariable = "JOURNAL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		goleak.VerifyTestMain(m)
	case "count":
		exit(count(os.Args[1], os.Args[2]))
	case "hold":
		exit(hold(os.Args[1]))
	case "write":
		exit(journal.Open(os.Args[1]).Write(record(nic, plan.Vif)))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// count adds one to the number in dir/number, often, each time under the lock,
// and fails when another process is there as well.
func count(dir, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range n {
		l, err := journal.Open(dir).LockNIC(ctx, nic)
		if err != nil {
			return err
		}
		err = addOne(dir)
		l.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func addOne(dir string) error {
	mark := filepath.Join(dir, "held")
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("two hold the lock: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	number := filepath.Join(dir, "number")
	data, err := os.ReadFile(number)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	n, _ := strconv.Atoi(string(data))
	if err := os.WriteFile(number, []byte(strconv.Itoa(n+1)), 0o600); err != nil {
		return err
	}
	return os.Remove(mark)
}

// hold takes the lock, says so, and keeps it until its standard input ends or
// it is killed.
func hold(dir string) error {
	l, err := journal.Open(dir).LockNIC(context.Background(), nic)
	if err != nil {
		return err
	}
	defer l.Release()
	if _, err := fmt.Println("held"); err != nil {
		return err
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	return nil
}

var nic = plan.NIC{Domid: 7, Devid: 1}

// record is a record of a port with some steps.
func record(n plan.NIC, kind plan.Kind, entries ...journal.Entry) *journal.Record {
	return &journal.Record{
		Port: journal.Port{
			NIC: n, Kind: kind, UUID: "c0ffee00-0000-4000-8000-000000000001", Index: 12, Boot: "b007",
			Name: "alice.1", Device: "vif7.1",
		},
		Mode: "bridge", Guest: "alice", Bridge: "xenbr0",
		Entries: entries,
	}
}
