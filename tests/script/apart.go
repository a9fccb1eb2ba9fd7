package script

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Apart goes on in a network namespace of its own, where the machine's /etc/xen is hidden: the calls that the scripts
// make would otherwise be about the machine's own interfaces, and run its hooks. What is not root cannot do either.
func Apart() {
	const done = "VIFCTL_TEST_APART"
	if os.Geteuid() != 0 || os.Getenv(done) != "" || !strings.HasSuffix(os.Args[0], ".test") {
		return
	}
	unshare, err := exec.LookPath("unshare")
	if err == nil {
		const hide = `[ ! -e /etc/xen ] || mount -t tmpfs tmpfs /etc/xen; exec "$@"`
		args := append([]string{unshare, "--net", "--mount", "sh", "-ec", hide, "sh"}, os.Args...)
		err = syscall.Exec(unshare, args, append(os.Environ(), done+"=1"))
	}
	fmt.Fprintln(os.Stderr, "the tests cannot be run apart from the machine's network:", err)
	os.Exit(1)
}
