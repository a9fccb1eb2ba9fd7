package xenstore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/xenstore"
)

// backend is about what one vif event reads, with a value for each.
func backend(b *testing.B, d daemon) (c *xenstore.Client, paths []string) {
	b.Helper()
	c = dial(b, d)
	for i := range 10 {
		path := fmt.Sprintf("backend/vif/1/0/key%d", i)
		require.NoError(b, c.Write(b.Context(), path, "00:16:3e:00:00:01"))
		paths = append(paths, path)
	}
	return c, paths
}

func benchmarkOn(b *testing.B, bench func(b *testing.B, d daemon)) {
	for _, kind := range daemons {
		b.Run(kind.name, func(b *testing.B) {
			d := kind.start(b)
			b.ReportAllocs()
			bench(b, d)
		})
	}
}

func BenchmarkRead(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, d daemon) {
		c, paths := backend(b, d)
		for b.Loop() {
			if _, err := c.Read(b.Context(), paths[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadAll10(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, d daemon) {
		c, paths := backend(b, d)
		for b.Loop() {
			if _, err := c.ReadAll(b.Context(), paths...); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOneShot is a whole short-lived program's use: connect, read ten keys, write one, close.
func BenchmarkOneShot(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, d daemon) {
		_, paths := backend(b, d)
		for b.Loop() {
			c, err := xenstore.DialPath(b.Context(), d.socket)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := c.ReadAll(b.Context(), paths...); err != nil {
				b.Fatal(err)
			}
			if err := c.Write(b.Context(), "backend/vif/1/0/hotplug-status", "connected"); err != nil {
				b.Fatal(err)
			}
			_ = c.Close()
		}
	})
}
