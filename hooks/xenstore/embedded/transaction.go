package embedded

import "slices"

// transaction is a view of the tree that no other client sees. It sees a node as it was when the transaction first touched it,
// and can be committed only if none of those has changed since: xenstored's rule (xenstored_transaction.c), in which even
// two new children of one parent conflict.
type transaction struct {
	tree *tree
	// touched are the nodes read or written, nil where there is none.
	touched map[string]*node
	// before are their generations in the tree, 0 where there was none.
	before  map[string]uint64
	changed map[string]bool
	// events are the watches to fire on commit, one for each node: exact only if all that were asked for are.
	events []event
}

func newTransaction(t *tree) *transaction {
	return &transaction{tree: t, touched: map[string]*node{}, before: map[string]uint64{}, changed: map[string]bool{}}
}

func (tx *transaction) get(path string) *node {
	n, ok := tx.touched[path]
	if !ok {
		n = tx.tree.get(path)
		tx.touched[path] = n
		tx.before[path] = generation(n)
	}
	return n
}

func (tx *transaction) put(path string, n node) {
	tx.get(path) // a node that is only written counts as read too
	tx.touched[path] = &n
	tx.changed[path] = true
}

func (tx *transaction) drop(path string) {
	tx.get(path)
	tx.touched[path] = nil
	tx.changed[path] = true
}

// queue keeps an event for the commit.
func (tx *transaction) queue(e event) {
	if i := slices.IndexFunc(tx.events, func(other event) bool { return other.path == e.path }); i >= 0 {
		e.exact = e.exact && tx.events[i].exact
		tx.events = slices.Delete(tx.events, i, i+1)
	}
	tx.events = append(tx.events, e)
}

// commit applies the view and returns the events to fire, or reports that something it rests on has changed. A node that
// came and went within the transaction has no event: no client could have seen it.
func (tx *transaction) commit() (events []event, ok bool) {
	for path, before := range tx.before {
		if generation(tx.tree.get(path)) != before {
			return nil, false
		}
	}
	for path := range tx.changed {
		if n := tx.touched[path]; n != nil {
			tx.tree.put(path, *n)
		} else {
			tx.tree.drop(path)
		}
	}
	for _, e := range tx.events {
		if tx.before[e.path] != 0 || tx.touched[e.path] != nil {
			events = append(events, e)
		}
	}
	return events, true
}

func generation(n *node) uint64 {
	if n == nil {
		return 0
	}
	return n.generation
}
