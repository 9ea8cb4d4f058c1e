//go:build tools

// Package vault pins the server that the tests build.
package vault

import _ "github.com/hashicorp/vault"
