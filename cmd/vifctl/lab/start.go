package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// InsideArgument is what the child is told apart by: `vifctl lab inside`. A person who types it gets an error.
const InsideArgument = "inside"

// lifelineFD is where the child finds its orders, and then waits for the end of file that tells it to end: it comes
// when the parent does, even where the kernel's own signal was missed.
const lifelineFD = 3

// orders are what the child has to know.
type orders struct {
	Keep, Quiet, Color bool
	// User says that the child is root by the grace of a user namespace only, Root that the one who started it is.
	User, Root bool
	// Net and Mount are the parent's namespaces: the child refuses to run in them.
	Net, Mount uint64
}

// start starts the child in namespaces of its own: plain ones where we may make them, else below a user namespace.
func start(ctx context.Context, o Options) (*exec.Cmd, *os.File, error) {
	var refused error
	for _, user := range []bool{false, true} {
		if !user && os.Geteuid() != 0 {
			continue
		}
		cmd, lifeline, err := startIn(ctx, o, user)
		if err == nil {
			return cmd, lifeline, nil
		}
		refused = err
		if !errors.Is(err, unix.EPERM) {
			break
		}
	}
	return nil, nil, explain(refused, os.Geteuid() == 0)
}

func startIn(ctx context.Context, o Options, user bool) (*exec.Cmd, *os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "lab", InsideArgument)
	cmd.Args[0] = "vifctl"
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = o.Stdout, o.Stderr
	if o.Keep {
		cmd.Stdin = o.Stdin
	}
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
	}
	if user {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	err = cmd.Start()
	if err == nil {
		err = giveOrders(write, o, user)
	}
	if err != nil {
		_ = write.Close()
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		// That the fork or the exec of our own file failed says less than why.
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, nil, fmt.Errorf("make namespaces: %w", err)
	}
	return cmd, write, nil
}

func giveOrders(write *os.File, o Options, user bool) error {
	net, mount, err := namespaces()
	if err != nil {
		return err
	}
	return json.NewEncoder(write).Encode(orders{
		Keep: o.Keep, Quiet: o.Quiet, Color: o.Color, User: user, Root: os.Geteuid() == 0, Net: net, Mount: mount,
	})
}

// namespaces returns the numbers of the namespaces we are in.
func namespaces() (net, mount uint64, err error) {
	for name, n := range map[string]*uint64{"net": &net, "mnt": &mount} {
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/ns/"+name, &st); err != nil {
			return 0, 0, fmt.Errorf("look at our own namespaces: %w", err)
		}
		*n = st.Ino
	}
	return net, mount, nil
}
