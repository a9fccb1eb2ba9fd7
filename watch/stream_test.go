package watch

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What breaks is opened again, and its listener is told that it may have
// missed something.
func TestStreamIsOpenedAgain(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ends, words, again := make(chan *os.File, 2), make(chan string), make(chan bool, 1)
	s := &stream{
		name: "made-up events", log: slog.New(slog.NewTextHandler(&log, nil)),
		open: func() (*os.File, error) {
			r, w, err := os.Pipe()
			ends <- w
			return r, err
		},
		again: func() error { again <- true; return nil },
	}
	s.receive = func(_ context.Context, buffer []byte) error {
		n, err := s.file.Read(buffer)
		if err == nil {
			words <- string(buffer[:n])
		}
		return err
	}
	require.NoError(t, s.start())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.run(ctx) })

	first := <-ends
	_, err := io.WriteString(first, "one")
	require.NoError(t, err)
	require.Equal(t, "one", <-words)
	require.NoError(t, first.Close())
	second := <-ends
	require.True(t, <-again)
	_, err = io.WriteString(second, "two")
	require.NoError(t, err)
	require.Equal(t, "two", <-words)

	cancel() // while it waits
	running.Wait()
	require.NoError(t, second.Close())
	require.Contains(t, log.String(), "the subscription to made-up events broke: subscribing again")
}
