package properties

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// changes are the system calls by which a call changes the kernel, the journal and the xenstore. Those that only look (an open
// that creates nothing, a question to netlink) are none: to be killed before one is to be killed before the next change.
var changes = map[uint64]bool{
	unix.SYS_SENDTO: true, unix.SYS_WRITE: true, unix.SYS_OPENAT: true, unix.SYS_RENAMEAT: true, unix.SYS_RENAMEAT2: true,
	unix.SYS_UNLINKAT: true, unix.SYS_MKDIRAT: true, unix.SYS_FSYNC: true,
}

// kill makes a call and kills it at the moment it enters its nth change, so that the one before is its last; killed is false
// for a call that came to its end before that.
//
// `strace -e inject=…:signal=KILL:when=N` cannot do this: it counts the calls of each thread by itself, and the Go runtime
// moves vifctl from one thread to another in the middle. Here the changes of all threads are one sequence.
func kill(d *dom0.Dom0, c dom0.Call, nth int) (killed bool, r dom0.Result, err error) {
	fd, err := unix.MemfdCreate("words", unix.MFD_CLOEXEC)
	if err != nil {
		return false, r, err
	}
	words := os.NewFile(uintptr(fd), "words")
	defer words.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return false, r, err
	}
	defer null.Close()
	// The thread that starts the process traces it: the one thread that lives in the dom0.
	err = d.Do(func() error {
		pid, err := syscall.ForkExec(dom0.ScriptsDir+"/"+c.Script, append([]string{c.Script}, c.Args...), &syscall.ProcAttr{
			Dir: "/", Env: c.Environment(), Files: []uintptr{null.Fd(), words.Fd(), words.Fd()},
			Sys: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL},
		})
		if err != nil {
			return fmt.Errorf("trace %s (ptrace must be allowed here, as strace needs it): %w", c.Script, err)
		}
		killed, r.Exit, err = trace(pid, nth)
		return err
	})
	if err != nil {
		return killed, r, err
	}
	if _, err := words.Seek(0, io.SeekStart); err != nil {
		return killed, r, err
	}
	said, err := io.ReadAll(words)
	r.Stderr = string(said)
	return killed, r, err
}

// trace follows a process that has just been started, and kills it when it enters its nth change.
func trace(pid, nth int) (killed bool, exit int, err error) {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return false, 0, err
	}
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return false, 0, err
	}
	for tid := pid; ; {
		signal := 0
		if status.Stopped() {
			switch stop := status.StopSignal(); {
			case stop == unix.SIGTRAP|0x80:
				if !killed && isChange(tid) {
					if nth--; nth == 0 {
						killed = true
						if err := unix.Kill(pid, unix.SIGKILL); err != nil {
							return killed, 0, err
						}
					}
				}
			case stop != unix.SIGTRAP && stop != unix.SIGSTOP:
				signal = int(stop)
			}
			// A thread that is being killed may be gone by now.
			if err := unix.PtraceSyscall(tid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
				return killed, 0, err
			}
		}
		// Only this thread's children: others of this process have their own, and wait for them themselves.
		if tid, err = unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil); err != nil {
			if errors.Is(err, unix.EINTR) {
				status = 0
				continue
			}
			return killed, 0, err
		}
		if tid == pid && (status.Exited() || status.Signaled()) {
			if status.Signaled() && !killed {
				return killed, 0, fmt.Errorf("the call was ended by %s", status.Signal())
			}
			return killed && status.Signaled(), status.ExitStatus(), nil
		}
	}
}

// isChange reports whether a stopped thread is about to enter one of the changes.
func isChange(tid int) bool {
	// struct ptrace_syscall_info of linux/ptrace.h: op (1 is an entry), arch, ip, sp, and of an entry nr and args[6].
	var info [88]byte
	const getSyscallInfo, entry = 0x420e, 1
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), uintptr(len(info)),
		uintptr(unsafe.Pointer(&info[0])), 0, 0)
	runtime.KeepAlive(&info)
	if errno != 0 || info[0] != entry {
		return false
	}
	number := binary.NativeEndian.Uint64(info[24:])
	argument := func(i int) uint64 { return binary.NativeEndian.Uint64(info[32+8*i:]) }
	switch number {
	case unix.SYS_OPENAT:
		return argument(2)&unix.O_CREAT != 0
	case unix.SYS_SENDTO:
		return !asks(tid, uintptr(argument(1)))
	}
	return changes[number]
}

// asks reports whether a message to rtnetlink is a question: of each object's four types the third is RTM_GET….
func asks(tid int, message uintptr) bool {
	// struct nlmsghdr: length (4 bytes), type.
	var kind [2]byte
	if _, err := unix.PtracePeekData(tid, message+4, kind[:]); err != nil {
		return false
	}
	return binary.NativeEndian.Uint16(kind[:])%4 == unix.RTM_GETLINK%4
}

// TestKill is about the killer itself: it can do what the properties rely on.
func TestKill(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	port, err := h.Attach(dom0.NIC{Domid: 1, IP: "10.0.0.5 2001:db8::5"})
	require.NoError(t, err)
	before := h.State()
	online := dom0.Call{Script: "vif-route", Args: []string{"online", "type_if=vif"}, Port: port}

	killed, _, err := kill(h.Dom0, online, 1)
	require.NoError(t, err)
	require.True(t, killed, "before its first change")
	require.Equal(t, before, h.State())

	killed, r, err := kill(h.Dom0, online, 1_000_000)
	require.NoError(t, err)
	require.False(t, killed, "there are not so many changes")
	require.Zero(t, r.Exit, r.Stderr)
	require.NotEqual(t, before, h.State())

	killed, r, err = kill(h.Dom0, dom0.Call{Script: "vif-route", Args: []string{"up"}, Port: port}, 1_000_000)
	require.NoError(t, err)
	require.False(t, killed)
	require.Equal(t, 1, r.Exit)
	require.Contains(t, r.Stderr, `command="up" cannot be used`)
}
