package dom0

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctlTrees are read whole, every interface's directory included.
var sysctlTrees = []string{"net/ipv4", "net/ipv6", "net/bridge"}

// sysctls returns every readable setting below sysctlTrees, named as `sysctl` accepts it with slashes.
func (n *Namespace) sysctls() []string {
	var facts []string
	err := n.Do(func() error {
		for _, tree := range sysctlTrees {
			facts = append(facts, readSysctls(tree)...)
		}
		return nil
	})
	if err != nil {
		return []string{"sysctl unknown: " + err.Error()}
	}
	return facts
}

func readSysctls(tree string) []string {
	var facts []string
	_ = filepath.WalkDir("/proc/sys/"+tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			// An interface may go while its directory is read.
			return nil
		}
		// Write-only settings (route/flush) and unset secrets cannot be read.
		if value, err := readSetting(path); err == nil {
			name := strings.TrimPrefix(path, "/proc/sys/")
			facts = append(facts, "sysctl "+name+" = "+strings.Join(strings.Fields(string(value)), " "))
		}
		return nil
	})
	return facts
}

// readSetting reads a file of /proc/sys, at half of what os.ReadFile costs: there are a thousand in a state.
func readSetting(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	value := make([]byte, 4096) // procfs fills a page at most
	n, err := unix.Read(fd, value)
	return value[:max(n, 0)], err
}

// firewall is the nftables ruleset, in its own order and indented as nft prints it, and what iptables-legacy holds. A
// table that has nothing in it is still a fact.
func (n *Namespace) firewall() []string {
	var facts []string
	if Missing("nft") == nil {
		facts = append(facts, n.ruleset("nft", "nft", "--stateless", "list", "ruleset")...)
	}
	for file, program := range map[string]string{
		"ip_tables_names": "iptables-legacy-save", "ip6_tables_names": "ip6tables-legacy-save",
	} {
		tables := ""
		_ = n.Do(func() error {
			names, err := os.ReadFile("/proc/thread-self/net/" + file)
			tables = string(names)
			return err
		})
		for _, table := range slices.Sorted(strings.FieldsSeq(tables)) {
			facts = append(facts, n.ruleset(strings.TrimSuffix(program, "-legacy-save"), program, "-t", table)...)
		}
	}
	return facts
}

// counted are elements that rules have made to count by.
var counted = regexp.MustCompile(`(?m)^\s*elements = \{[^}]* counter\b[^}]*\}\n`)

func (n *Namespace) ruleset(kind, command string, args ...string) []string {
	out, err := n.run(command, args...)
	if err != nil {
		return []string{kind + " unknown: " + err.Error()}
	}
	var facts []string
	for line := range strings.Lines(counted.ReplaceAllString(out, "")) {
		line = strings.TrimRight(line, " \n")
		// iptables-save writes when it was run into its comments.
		if line != "" && !strings.HasPrefix(line, "#") {
			facts = append(facts, kind+" "+line)
		}
	}
	return facts
}
