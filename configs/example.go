package configs

import _ "embed"

// Example is a configuration that has every setting in it, each with a comment.
//
//go:embed example.toml
var Example string
