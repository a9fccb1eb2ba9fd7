package session

import (
	"fmt"

	"vifctl/configs"
)

// runDir is where the journal and the locks are, gone with a reboot as the
// kernel's state is.
const runDir = "/run/vifctl"

// RunDir is where the journal and the locks are.
func RunDir(getenv func(string) string) (string, error) {
	return trusted(getenv, "VIFCTL_RUN_DIR", runDir)
}

// ConfigPath is where the configuration is.
func ConfigPath(getenv func(string) string) (string, error) {
	path, err := trusted(getenv, "VIFCTL_CONFIG", configs.Default)
	if err == nil && path != configs.Default {
		err = configs.Trusted(configs.Folder(path))
	}
	return path, err
}

// trusted is a path that the environment may change for tests and labs, but
// only to one that no other user can write to: xl hands the caller's whole
// environment down to us.
func trusted(getenv func(string) string, variable, standard string) (string, error) {
	p := getenv(variable)
	if p == "" {
		return standard, nil
	}
	if err := configs.Trusted(p); err != nil {
		return "", fmt.Errorf("%s=%q is not used: %w", variable, p, err)
	}
	return p, nil
}
