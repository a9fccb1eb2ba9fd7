package firewall

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// machine is a network namespace of its own on a thread of its own, which is
// never given back: the namespace goes with it.
type machine struct {
	t       testing.TB
	jobs    chan func()
	fd      int
	nl      *netlink.Handle
	records records
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	need(t, "nft")
	m := &machine{t: t, jobs: make(chan func())}
	ready := make(chan error)
	go m.live(ready)
	require.NoError(t, <-ready, "make a network namespace")
	t.Cleanup(func() {
		done := make(chan struct{})
		m.jobs <- func() { m.nl.Close(); _ = unix.Close(m.fd); close(done) }
		<-done
		close(m.jobs)
	})
	m.quieten()
	return m
}

func (m *machine) live(ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// /proc/self is the main thread's, and others read it.
		go m.live(ready)
		runtime.UnlockOSThread()
		return
	}
	ready <- m.unshare()
	for job := range m.jobs {
		job()
	}
}

func (m *machine) unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	var err error
	if m.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	m.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	return err
}

// quieten: no frame goes out that no test sent, and addresses can be used at
// once (duplicate detection is off only where both of these say so).
func (m *machine) quieten() {
	m.sysctl("ipv6/conf/all/accept_dad", "0")
	m.sysctl("ipv6/conf/default/accept_dad", "0")
	m.sysctl("ipv6/conf/default/autoconf", "0")
	m.sysctl("ipv6/conf/default/router_solicitations", "0")
	lo, err := m.nl.LinkByName("lo")
	require.NoError(m.t, err)
	require.NoError(m.t, m.nl.LinkSetUp(lo))
}

// do runs f inside.
func (m *machine) do(f func()) {
	done := make(chan struct{})
	m.jobs <- func() { defer close(done); f() }
	<-done
}

// visit runs f inside on a thread of its own, beside what else goes on there.
func (m *machine) visit(f func()) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread goes with its namespace
		err := unix.Setns(m.fd, unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	require.NoError(m.t, <-done)
}

func (m *machine) sysctl(path, value string) {
	m.t.Helper()
	var err error
	m.do(func() { err = os.WriteFile("/proc/sys/net/"+path, []byte(value), 0) })
	require.NoError(m.t, err)
}

// run runs a program inside, and wants it to succeed.
func (m *machine) run(program string, args ...string) string {
	m.t.Helper()
	return m.feed("", program, args...)
}

func (m *machine) feed(stdin, program string, args ...string) string {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	var err error
	m.do(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	require.NoError(m.t, err, "%s %s: %s", program, strings.Join(args, " "), stderr.String())
	return stdout.String()
}

// open opens the firewall of the namespace.
func (m *machine) open(o Options) *NFTables {
	m.t.Helper()
	var n *NFTables
	var err error
	m.do(func() { n, err = OpenNFTables(o) })
	require.NoError(m.t, err)
	m.t.Cleanup(func() { _ = n.Close() })
	return n
}

// need ends the test where it cannot be run: in CI as a failure, so that none
// goes missing unseen.
func need(t testing.TB, programs ...string) {
	t.Helper()
	complaint := ""
	if os.Geteuid() != 0 {
		complaint = "this test makes network namespaces: run it as root"
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			complaint = fmt.Sprintf("this test needs the program %s", p)
		}
	}
	switch {
	case complaint == "":
	case os.Getenv("CI") == "true":
		t.Fatal(complaint)
	default:
		t.Skip(complaint)
	}
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }
