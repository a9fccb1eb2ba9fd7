package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"vifctl/hooks/plan"
)

// lockRetry is how often LockNIC tries a held lock again.
const lockRetry = 2 * time.Millisecond

// Lock is a held lock.
type Lock struct {
	file *flock.Flock
	// leave: the file stays when the lock is given back.
	leave bool
}

// LockNIC holds one NIC, both its ports: they share what belongs to the NIC.
// It waits until ctx ends, which should be soon: it asks again and again, so as to leave
// nothing behind that waits when it gives up.
func (j *Journal) LockNIC(ctx context.Context, nic plan.NIC) (*Lock, error) {
	try := func(ctx context.Context, f *flock.Flock) error {
		_, err := f.TryLockContext(ctx, lockRetry)
		return err
	}
	return j.lock(ctx, nic.String()+".lock", os.O_RDONLY, false, try)
}

// LockCall is LockNIC for a call. Its file is opened for writing, though nothing is
// written: by that the watcher of the folder tells a call from other programs.
func (j *Journal) LockCall(ctx context.Context, nic plan.NIC) (*Lock, error) {
	return j.lock(ctx, nic.String()+".lock", os.O_RDWR, false, wait)
}

// LockNetworks holds the starts and stops of the host's side, which wait for answers of the
// network. Whoever holds it may ask for LockHost, not the other way round.
func (j *Journal) LockNetworks(ctx context.Context) (*Lock, error) {
	return j.lock(ctx, "network.lock", os.O_RDONLY, false, wait)
}

// LockConfiguration holds the configuration's files while a command changes one and applies it.
// Whoever holds it may ask for LockNIC and LockHost, not the other way round.
func (j *Journal) LockConfiguration(ctx context.Context) (*Lock, error) {
	return j.lock(ctx, "configuration.lock", os.O_RDONLY, false, wait)
}

// LockHost holds what belongs to the whole host; it is to be held briefly.
func (j *Journal) LockHost(ctx context.Context) (*Lock, error) {
	return j.lock(ctx, "host.lock", os.O_RDONLY, true, wait)
}

// LockFirewall holds the chains of iptables while a call fills them. Whoever holds
// LockHost may ask for it, not the other way round.
func (j *Journal) LockFirewall(ctx context.Context) (*Lock, error) {
	return j.lock(ctx, "firewall.lock", os.O_RDONLY, true, wait)
}

// wait takes a lock as soon as the kernel gives it. It returns when ctx ends; then the lock
// is given back when it comes.
func wait(ctx context.Context, f *flock.Flock) error {
	if got, err := f.TryLock(); got || err != nil {
		return err
	}
	taken := make(chan error, 1)
	go func() { taken <- f.Lock() }()
	select {
	case err := <-taken:
		return err
	case <-ctx.Done():
		go func() {
			if <-taken == nil {
				_ = f.Close()
			}
		}()
		return ctx.Err()
	}
}

func (j *Journal) lock(ctx context.Context, name string, access int, leave bool, take func(context.Context, *flock.Flock) error) (*Lock, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	path := filepath.Join(j.dir, name)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	for {
		f := flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|access))
		err := take(ctx, f)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("another call still holds %s: %w", path, err)
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// Whoever held it before may have removed the file while we waited
		// for it: then we hold a lock that no other call can see.
		if same(f, path) {
			return &Lock{file: f, leave: leave}, nil
		}
		_ = f.Close()
	}
}

func same(f *flock.Flock, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}

// Release gives the lock back. The file of a NIC goes with it, since domids
// are never used again; that is safe only because lock looks twice.
func (l *Lock) Release() {
	if !l.leave {
		_ = os.Remove(l.file.Path())
	}
	_ = l.file.Close()
}
