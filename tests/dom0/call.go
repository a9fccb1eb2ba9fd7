package dom0

import (
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// HotplugTimeout is libxl's: the script is killed when it takes longer (LIBXL_HOTPLUG_TIMEOUT).
const HotplugTimeout = 40 * time.Second

// A Call is one call of a hotplug script, with what libxl gives it. Only Script is required.
type Call struct {
	Script string // "vif-bridge", in ScriptsDir
	Args   []string
	Port   *Port // whose variables are set; nil is none
	// Env replaces and adds variables; Unset takes some away.
	Env   map[string]string
	Unset []string
}

// A Result is how a program ended.
type Result struct {
	Exit           int // -1: not started, or killed
	Stdout, Stderr string
	// Log is what Debian's scripts wrote into their log file, where they send their stderr.
	Log string
}

// Call calls a script as libxl does, for this port: with its arguments (`online type_if=vif`) and its environment.
func (p *Port) Call(script string, args ...string) Result {
	return p.dom0.Call(Call{Script: script, Args: args, Port: p})
}

// Call makes one call: the environment of libxl's get_hotplug_env, nothing on stdin, stdout sent to stderr, and a SIGKILL
// of the script alone after HotplugTimeout.
func (d *Dom0) Call(c Call) Result {
	stderr, err := memoryFile("stderr")
	if err != nil {
		return Result{Exit: -1, Stderr: err.Error()}
	}
	defer stderr.Close()
	// Files, not pipes: what a script leaves running in the background must not hold up the caller, as it does not hold
	// up xl.
	cmd := exec.Command(ScriptsDir+"/"+c.Script, c.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = "/", stderr, stderr, c.Environment()
	if err := d.Namespace.Start(cmd); err != nil {
		return Result{Exit: -1, Stderr: err.Error()}
	}
	timeout := time.AfterFunc(HotplugTimeout, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait()
	timeout.Stop()
	r := Result{Exit: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{Exit: -1, Stderr: err.Error()}
	}
	if _, err := stderr.Seek(0, io.SeekStart); err == nil {
		words, _ := io.ReadAll(stderr)
		r.Stderr = string(words)
	}
	r.Log = d.takeLog()
	return r
}

// Environment is what libxl gives the script: NAME=value, sorted.
func (c Call) Environment() []string {
	env := map[string]string{
		"PATH":             "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"script":           ScriptsDir + "/" + c.Script,
		"XENBUS_TYPE":      "vif",
		"XENBUS_BASE_PATH": "backend",
		"netdev":           "",
	}
	if p := c.Port; p != nil {
		env["XENBUS_PATH"] = p.Backend[len("/local/domain/0/"):]
		env["netdev"] = p.Gatewaydev
		env["vif"] = p.Vif
		if p.Tap != "" {
			env["INTERFACE"] = p.Tap
		}
	}
	maps.Copy(env, c.Env)
	for _, name := range c.Unset {
		delete(env, name)
	}
	pairs := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, name+"="+env[name])
	}
	return pairs
}

// takeLog reads the scripts' log file and empties it for the next call.
func (d *Dom0) takeLog() string {
	log, err := d.ReadFile(hotplugLog)
	if err != nil || log == "" {
		return ""
	}
	_ = d.Do(func() error { return os.Truncate(hotplugLog, 0) })
	return log
}

func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
