package watch

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Settings are the configuration that is in force for the watcher.
type Settings interface {
	// Folders are those whose files may be part of it, whether they are there or
	// not.
	Folders() []string
	// Reload reads it again, and reports whether it has changed. With a
	// mistake in it, the one before stays in force.
	Reload() (changed bool, err error)
}

const (
	// editing is how long after a file's last change it is read: an editor
	// writes, renames and removes several.
	editing = 100 * time.Millisecond
	// missingFolder is how often a folder that is not there is looked for.
	missingFolder = 10 * time.Second
)

// settings tells when the files of the configuration have changed. It watches
// folders, not files, so that it sees one that is renamed over another.
type settings struct {
	*news[struct{}, struct{}]
	log     *slog.Logger
	folders []string
	watcher *fsnotify.Watcher
}

func watchSettings(s Settings, log *slog.Logger) (*settings, error) {
	n := &settings{news: newNews[struct{}, struct{}](), log: log}
	if s == nil {
		return n, nil
	}
	n.folders = s.Folders()
	var err error
	if n.watcher, err = fsnotify.NewWatcher(); err != nil {
		return nil, err
	}
	n.addMissing()
	return n, nil
}

// addMissing watches the folders that are there by now, and reports whether there
// were any that it did not watch yet.
func (n *settings) addMissing() (added bool) {
	known := n.watcher.WatchList()
	for _, f := range n.folders {
		paths := []string{f}
		if real, err := filepath.EvalSymlinks(f); err == nil && real != f {
			paths = append(paths, real)
		}
		for _, p := range paths {
			added = !slices.Contains(known, p) && n.watcher.Add(p) == nil || added
		}
	}
	return added
}

// run tells until ctx ends.
func (n *settings) run(ctx context.Context) {
	if n.watcher == nil {
		return
	}
	defer n.watcher.Close() //nolint:errcheck // nothing was written
	look := time.NewTicker(missingFolder)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-n.watcher.Events:
			if filepath.Ext(e.Name) != ".toml" && !n.addMissing() {
				break // an editor's own
			}
			n.tellAll()
		case err := <-n.watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				n.log.Warn("the configuration's folders are watched with gaps", "error", err)
			}
			n.tellAll()
		case <-look.C:
			if n.addMissing() {
				n.tellAll()
			}
		}
	}
}

// takeSettings notes that a file has changed.
func (l *loop) takeSettings(now time.Time) {
	l.settings.take()
	l.rereadAt = now.Add(editing)
}

// reread reads the configuration when nothing has changed for a moment. All
// ports are then checked against it: those it does not change lack nothing.
func (l *loop) reread(now time.Time) {
	if l.rereadAt.IsZero() || now.Before(l.rereadAt) {
		return
	}
	l.rereadAt = time.Time{}
	changed, err := l.Settings.Reload()
	switch {
	case err != nil:
		l.mistaken = true
		l.Log.Error("the configuration has changed and is not used: what was in force stays so", "error", err)
	case changed:
		l.Log.Info("the configuration has changed: looking at all ports")
		l.suspectAll(now)
		for index := range l.host.owner {
			if p := l.ports[index]; p != nil {
				p.drift.configured, p.drift.tries.notBefore = true, time.Time{}
			}
		}
	case l.mistaken:
		l.Log.Info("the configuration is again what is in force")
	}
	l.mistaken = l.mistaken && err != nil
}
