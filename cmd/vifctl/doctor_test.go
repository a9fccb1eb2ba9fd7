package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
)

// What is wrong with every guest is told at length of some; the others are named.
func TestManyFindingsOfAKind(t *testing.T) {
	t.Parallel()
	var all []doctor.Finding
	for i := range 40 {
		all = append(all, doctor.Finding{
			Code: "port-down", Severity: doctor.Error, Subject: fmt.Sprintf("vif%d.0", i), Guest: fmt.Sprintf("guest%d", i),
			Sentence: fmt.Sprintf("vif%d.0 is down.", i), Evidence: []string{"link\x1b[2J"}, Fix: []string{"up"},
		})
	}
	all = append(all, doctor.Finding{Code: "two-iptables", Severity: doctor.Warning, Subject: "host", Sentence: "Both."})
	var b strings.Builder
	require.NoError(t, writeFindings(&b, false, all, &inventory.Facts{Host: &kernel.Host{}}))
	require.Equal(t, 5, strings.Count(b.String(), "is down."))
	require.Contains(t, b.String(), "port-down of 35 more:\n  vif5.0 (guest5), vif6.0 (guest6)")
	require.Contains(t, b.String(), "vif39.0 (guest39)")
	require.Contains(t, b.String(), "warning  Both.")
	require.NotContains(t, b.String(), "\x1b")
	for line := range strings.Lines(b.String()) {
		require.LessOrEqual(t, len(line), 105)
	}
}
