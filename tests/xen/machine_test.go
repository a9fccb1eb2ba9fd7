//go:build xen

package xen

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// On a good machine; limits stretch them.
const (
	bootLimit = 3 * time.Minute
	// grace is what a story that ran into its own limit needs to be killed and its logs to be copied.
	grace = 40 * time.Second
	// offLimit is what a machine that is switched off needs to end by itself.
	offLimit = 30 * time.Second
)

// machine is a running dom0. It is told what to do, and answers, on its serial line; files go over the share.
type machine struct {
	number int // of the boot, from 1
	used   bool
	stdin  io.WriteCloser
	lines  chan string // closed when QEMU has ended
	cancel context.CancelFunc
	limits *limits
}

// boot starts a dom0 from the image, with share mounted on its /lab, and waits until it takes stories. Everything it
// says goes to boot-NUMBER.serial in the share.
func boot(ctx context.Context, image, share string, number int, limits *limits) (*machine, error) {
	serial, err := os.Create(filepath.Join(share, fmt.Sprintf("boot-%d.serial", number)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", qemuArguments(image, share, number)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = serial
	stdin, err := cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	m := &machine{number: number, stdin: stdin, lines: make(chan string, 1000), cancel: cancel, limits: limits}
	started := make(chan error)
	go func() {
		// The kernel's death signal comes when this thread ends, so it must not end before QEMU does.
		runtime.LockOSThread()
		defer close(m.lines)
		defer serial.Close()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			line := strings.TrimRight(scanner.Text(), "\r")
			fmt.Fprintln(serial, line)
			if at := strings.Index(line, "@@"); at >= 0 {
				m.lines <- line[at:]
			}
		}
		fmt.Fprintln(serial, "QEMU ended:", cmd.Wait())
	}()
	if err := <-started; err != nil {
		cancel()
		return nil, err
	}
	if err := m.await(ctx, "@@ready", limits.of(bootLimit)); err != nil {
		m.kill()
		return nil, fmt.Errorf("dom0 does not come up: %w", err)
	}
	return m, nil
}

func qemuArguments(image, share string, number int) []string {
	commandLine := fmt.Sprintf(" console=hvc0 quiet net.ifnames=0 lab.boot=%d,", number)
	file := func(name string) string { return filepath.Join(image, name) }
	return []string{
		// The processor matters: with max, EPYC or Opteron_G5 dom0 crashes or hangs; without svm and npt there are no
		// PVH and HVM guests.
		"-accel", "tcg,thread=multi", "-cpu", "qemu64,+svm,+npt", "-smp", "2", "-m", "2048",
		"-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-drive", "format=raw,if=virtio,snapshot=on,file=" + file("dom0.ext4"),
		// Once more, for a driver domain.
		"-drive", "format=raw,if=virtio,snapshot=on,file=" + file("dom0.ext4"),
		"-virtfs", "local,mount_tag=lab,security_model=none,multidevs=remap,path=" + share,
		"-kernel", file("xen"),
		"-append", "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M dom0_max_vcpus=1 dom0_vcpus_pin no-real-mode edd=off",
		"-initrd", file("vmlinuz") + commandLine + file("dom0-initrd.gz"),
	}
}

// run has dom0 run a story and returns the exit code.
func (m *machine) run(ctx context.Context, s story, share, scripts string) (status int, err error) {
	m.used = true
	limit := m.limits.of(s.limit)
	_, err = fmt.Fprintf(m.stdin, "run %s %.0f %s %d\n", s.file, limit.Seconds(), scripts, m.limits.factor())
	if err != nil {
		return 0, err
	}
	if err := m.await(ctx, "@@end "+s.file, limit+m.limits.of(grace)); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join(share, "out", s.file, "status"))
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(string(text), &status)
	return status, err
}

// await waits for a line that begins with want.
func (m *machine) await(ctx context.Context, want string, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case line, alive := <-m.lines:
			if !alive {
				return fmt.Errorf("QEMU ended before %q", want)
			}
			if strings.HasPrefix(line, want) {
				return nil
			}
		case <-timer.C:
			return fmt.Errorf("no %q after %v", want, limit)
		case <-ctx.Done():
			return fmt.Errorf("no %q: %w", want, context.Cause(ctx))
		}
	}
}

// off switches the machine off; kill pulls the plug. Both wait for its end.
func (m *machine) off() {
	fmt.Fprintln(m.stdin, "off")
	timer := time.AfterFunc(m.limits.of(offLimit), m.cancel)
	defer timer.Stop()
	m.drain()
}

func (m *machine) kill() {
	m.cancel()
	m.drain()
}

func (m *machine) drain() {
	for range m.lines {
		continue
	}
	m.cancel()
}
