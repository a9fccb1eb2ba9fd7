package main

import (
	"context"
	"path/filepath"
	"reflect"
	"sync"

	"vifctl/configs"
	"vifctl/hooks/engine"
)

// liveSettings are the configuration that the watcher goes by: the last that was
// valid.
type liveSettings struct {
	path string

	mu     sync.Mutex
	config configs.Config
	err    error // none has been valid yet
	loaded bool
}

// Folders implements watch.Settings.
func (s *liveSettings) Folders() []string {
	folders := []string{filepath.Dir(s.path), configs.Folder(s.path)}
	if real, err := filepath.EvalSymlinks(s.path); err == nil && filepath.Dir(real) != folders[0] {
		folders = append(folders, filepath.Dir(real))
	}
	return folders
}

// Reload implements watch.Settings.
func (s *liveSettings) Reload() (changed bool, err error) {
	config, err := configs.Load(s.path)
	err = oneMistake(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if !s.loaded {
			s.err = err
		}
		return false, err
	}
	changed = !s.loaded || !reflect.DeepEqual(config, s.config)
	s.config, s.err, s.loaded = config, nil, true
	return changed, nil
}

func (s *liveSettings) current() (configs.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config, s.err
}

// drops are what the firewall has dropped.
func (s *liveSettings) drops(ctx context.Context) (map[string]uint64, error) {
	config, err := s.current()
	if err != nil {
		return nil, err
	}
	fw := &engine.HostFirewall{Host: config.Host}
	defer fw.Close()
	return fw.Drops(ctx)
}
