package watch

import (
	"context"
	"time"
)

// backoff is a pause that doubles from a tenth of a second to five.
type backoff struct{ next time.Duration }

// wait pauses, and reports whether ctx let it.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(2*b.next, 100*time.Millisecond), 5*time.Second)
	select {
	case <-time.After(b.next):
		return true
	case <-ctx.Done():
		return false
	}
}
