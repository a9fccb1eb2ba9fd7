//go:build xen

package xen

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// recipe is what the image is made from: a change in any of these files makes a new one.
var recipe = []string{"image", "guest"}

// image returns the folder that holds what the laboratory boots (see image/build.sh), built when its recipe is new.
func image(ctx context.Context, t *testing.T, cache string) string {
	t.Helper()
	sum := sha256.New()
	for _, folder := range recipe {
		if err := hashFolder(sum, folder); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(cache, "image-"+hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	if os.Geteuid() != 0 {
		t.Fatalf("%s is not built yet, and building it takes root", folder)
	}
	started := time.Now()
	old, err := filepath.Glob(filepath.Join(cache, "image-*"))
	if err != nil {
		t.Fatal(err)
	}
	building := filepath.Join(cache, "building")
	for _, stale := range append(old, building) {
		if err := os.RemoveAll(stale); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(ctx, "sh", "image/build.sh", building)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("image/build.sh: %v\n%s", err, out)
	}
	if err := os.Rename(building, folder); err != nil {
		t.Fatal(err)
	}
	t.Logf("built the image in %.0f s\n%s", time.Since(started).Seconds(), out)
	return folder
}

// hashFolder adds every file below root, by path and content.
func hashFolder(sum io.Writer, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%s\x00%s\x00", path, content)
		return err
	})
}
