package watch

import "sync"

// news collects what has changed until the watcher has time for it. Whoever
// tells it never waits, and what is told twice is there once, so it never
// grows beyond what there is to tell of.
type news[K comparable, V any] struct {
	// wake has a value in it while there is something to take.
	wake chan struct{}

	mu      sync.Mutex
	changed map[K]V
	all     bool
}

func newNews[K comparable, V any]() *news[K, V] {
	return &news[K, V]{wake: make(chan struct{}, 1), changed: map[K]V{}}
}

// tell says that k has changed; before is what was told of it and not taken
// yet.
func (n *news[K, V]) tell(k K, v func(before V) V) {
	n.mu.Lock()
	n.changed[k] = v(n.changed[k])
	n.mu.Unlock()
	n.ring()
}

// tellAll says that anything may have changed.
func (n *news[K, V]) tellAll() {
	n.mu.Lock()
	n.all = true
	n.mu.Unlock()
	n.ring()
}

func (n *news[K, V]) ring() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *news[K, V]) take() (changed map[K]V, all bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed, all = n.changed, n.all
	n.changed, n.all = map[K]V{}, false
	return changed, all
}
