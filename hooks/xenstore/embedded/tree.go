package embedded

import (
	"slices"
	"strings"
	"syscall"

	"vifctl/hooks/xenstore/internal/wire"
)

// node is one path's content. A node is never changed once it is in a tree: a change puts another in its place.
type node struct {
	value    string
	perms    []string // as the protocol spells them
	children []string // names, in the order they were created
	// generation is new with every change, so that two equal ones mean an untouched node.
	generation uint64
}

// store is what requests work on: the tree itself, or a transaction's view of it.
type store interface {
	get(path string) *node // nil when there is none
	put(path string, n node)
	drop(path string)
}

// tree is the nodes by absolute path; "/" is always there.
type tree struct {
	nodes      map[string]*node
	generation uint64
}

func newTree() tree {
	return tree{nodes: map[string]*node{"/": {perms: []string{"n0"}}}}
}

func (t *tree) get(path string) *node { return t.nodes[path] }

func (t *tree) put(path string, n node) {
	t.generation++
	n.generation = t.generation
	t.nodes[path] = &n
}

func (t *tree) drop(path string) { delete(t.nodes, path) }

// paths are all of them, sorted.
func (t *tree) paths() []string {
	paths := make([]string, 0, len(t.nodes))
	for path := range t.nodes {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// checkNode says whether a path can name a node: absolute, and as the protocol wants it.
func checkNode(path string) error {
	if !strings.HasPrefix(path, "/") || wire.CheckPath(path) != nil {
		return syscall.EINVAL
	}
	return nil
}

// split is a path's parent and its own name. The root has no parent and is not to be split.
func split(path string) (parent, name string) {
	slash := strings.LastIndexByte(path, '/')
	if slash == 0 {
		return "/", path[1:]
	}
	return path[:slash], path[slash+1:]
}

func join(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}

// create makes a node and the parents it lacks. Permissions, and so the owner, are the parent's: the creator is dom0.
func create(st store, path, value string) {
	parentPath, name := split(path)
	if st.get(parentPath) == nil {
		create(st, parentPath, "")
	}
	parent := *st.get(parentPath)
	parent.children = append(slices.Clone(parent.children), name)
	st.put(parentPath, parent)
	st.put(path, node{value: value, perms: parent.perms})
}

// remove deletes a node that is not the root, and all below it. It returns what it deleted, children before parents.
//
// A transaction's view can contradict itself, since each node is as it was when first touched: a child without its parent, a
// name without its node. Such a transaction cannot be committed any more, but has to be lived with until it tries.
func remove(st store, path string) []string {
	parentPath, name := split(path)
	if n := st.get(parentPath); n != nil {
		parent := *n
		parent.children = slices.DeleteFunc(slices.Clone(parent.children), func(c string) bool { return c == name })
		st.put(parentPath, parent)
	}
	return drop(st, path)
}

// drop is remove without telling the parent.
func drop(st store, path string) []string {
	n := st.get(path)
	if n == nil {
		return nil
	}
	var deleted []string
	for _, child := range n.children {
		deleted = append(deleted, drop(st, join(path, child))...)
	}
	st.drop(path)
	return append(deleted, path)
}
