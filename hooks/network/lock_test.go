package network

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/kernel"
)

// While a start waits for a gateway to answer, calls for ports go on; while it rewires the
// host, none looks at what is moved.
func TestPortsDoNotWaitForGateways(t *testing.T) {
	t.Parallel()
	onHost(t, func(h host) {
		before := h.state()
		s := h.start(requests[0].request)
		s.ask = true
		defer s.unshare()
		require.NoError(t, s.Look(t.Context()))
		// One that answered a moment ago, and does not any more.
		s.host.Answering = []netip.Addr{netip.MustParseAddr("203.0.113.254")}
		require.NoError(t, s.Decide(t.Context()))
		require.NoError(t, s.Record(t.Context()))

		type look struct {
			rewired bool
			err     error
		}
		own, err := kernel.Open()
		require.NoError(t, err)
		defer own.Close()
		acted, call := make(chan struct{}), make(chan look, 1)
		go func() {
			lock, err := h.Journal.LockHost(t.Context())
			if err != nil {
				call <- look{err: err}
				return
			}
			defer lock.Release()
			select {
			case <-acted:
				call <- look{}
			default:
				_, there, err := own.LinkByName("xenbr0")
				call <- look{rewired: there, err: err}
			}
		}()
		failure := s.Act(t.Context())
		close(acted)
		require.ErrorContains(t, failure, "203.0.113.254")
		require.Equal(t, look{rewired: true}, <-call, "a call had the lock when the bridge was made and the gateway waited for")
		require.ErrorIs(t, s.Settle(t.Context(), failure), failure)
		h.is(before)
		h.nothingStarted()
	})
}
