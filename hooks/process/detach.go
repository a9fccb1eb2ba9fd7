package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Detach starts argv (its first word an absolute path) in / with env, NAME=value,
// added to a clean environment, in a session of its own, where no terminal's end
// reaches it, and does not wait for it. Its standard input ends when release is
// called, or when this process dies, in whatever way. What it writes is lost.
func Detach(argv, env []string) (release func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(clean(), env...)
	cmd.Dir = "/"
	cmd.Stdin = read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	_ = cmd.Process.Release()
	return func() { _ = write.Close() }, nil
}
