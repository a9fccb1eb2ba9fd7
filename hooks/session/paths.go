package session

import (
	"errors"
	"fmt"

	"vifctl/configs"
)

// runDir is where the journal and the locks are, gone with a reboot as the
// kernel's state is.
const runDir = "/run/vifctl"

// RunDir is where the journal and the locks are.
func RunDir(getenv func(string) string) (string, error) {
	dir, err := trusted(getenv, "VIFCTL_RUN_DIR", runDir)
	if errors.Is(err, configs.ErrCouldBeMade) && getenv("VIFCTL_RUN_DIR") == "" {
		// Some systems leave /run open to all: what is not there says nothing yet, and
		// what another user made there is not used.
		return runDir, nil
	}
	return dir, err
}

// ConfigPath is where the configuration is.
func ConfigPath(getenv func(string) string) (string, error) {
	path, err := trusted(getenv, "VIFCTL_CONFIG", configs.Default)
	if err != nil {
		return path, err
	}
	files, err := configs.Files(path)
	if err != nil {
		return path, err
	}
	for _, file := range append(files, configs.Folder(path)) {
		if err := configs.Trusted(file); err != nil {
			return path, fmt.Errorf("the configuration is not used: %w", err)
		}
	}
	return path, nil
}

// trusted is a path that the environment may change for tests and labs: xl hands the
// caller's whole environment down to us. Neither that nor the standard is used where
// another user can write.
func trusted(getenv func(string) string, variable, standard string) (string, error) {
	p := getenv(variable)
	if p == "" {
		if err := configs.Trusted(standard); err != nil {
			return "", fmt.Errorf("%s is not used: %w", standard, err)
		}
		return standard, nil
	}
	if err := configs.Trusted(p); err != nil {
		return "", fmt.Errorf("%s=%q is not used: %w", variable, p, err)
	}
	return p, nil
}
