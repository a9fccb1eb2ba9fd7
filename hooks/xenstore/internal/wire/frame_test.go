package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestFrameRoundTrip(t *testing.T) {
	for name, tc := range map[string]struct {
		header Header
		parts  []string
	}{
		"empty payload": {Header{Type: TypeRead, RequestID: 7}, nil},
		"two parts":     {Header{Type: TypeWrite, RequestID: 1 << 31, TxID: 9}, []string{"a/b\x00", "\x00\xff value"}},
		"largest":       {Header{Type: TypeWrite}, []string{strings.Repeat("x", MaxPayload)}},
	} {
		t.Run(name, func(t *testing.T) {
			frame := AppendFrame(nil, tc.header, tc.parts...)
			var buf [MaxPayload]byte
			// One byte at a time: a frame may come in any number of pieces.
			h, payload, err := ReadFrame(iotest.OneByteReader(bytes.NewReader(frame)), &buf)
			require.NoError(t, err)
			require.Equal(t, strings.Join(tc.parts, ""), string(payload))
			require.EqualValues(t, len(payload), h.Len)
			h.Len = 0
			require.Equal(t, tc.header, h)
		})
	}
}

func TestReadFrameRefuses(t *testing.T) {
	whole := AppendFrame(nil, Header{Type: TypeRead}, "OK\x00")
	oversize := bytes.Clone(whole)
	oversize[12], oversize[13] = 0x01, 0x10 // 4097
	for name, tc := range map[string]struct {
		input []byte
		want  error
	}{
		"nothing":       {nil, io.EOF},
		"half a header": {whole[:9], io.ErrUnexpectedEOF},
		"header only":   {whole[:HeaderSize], io.ErrUnexpectedEOF},
		"half payload":  {whole[:HeaderSize+1], io.ErrUnexpectedEOF},
		"oversize":      {oversize, ErrOversize},
	} {
		t.Run(name, func(t *testing.T) {
			var buf [MaxPayload]byte
			_, _, err := ReadFrame(bytes.NewReader(tc.input), &buf)
			require.ErrorIs(t, err, tc.want)
			_, _, err = NextFrame(bufio.NewReaderSize(bytes.NewReader(tc.input), HeaderSize+MaxPayload))
			require.ErrorIs(t, err, tc.want)
		})
	}
}

// interrupted reads one part, is interrupted, and reads the other.
type interrupted struct{ first, rest []byte }

func (r *interrupted) Read(p []byte) (int, error) {
	n := copy(p, r.first)
	if r.first = r.first[n:]; n > 0 {
		return n, nil
	}
	if r.first != nil {
		r.first = nil
		return 0, os.ErrDeadlineExceeded
	}
	n = copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// A deadline in the middle of a frame loses nothing of it, wherever it strikes.
func TestNextFrameAfterADeadline(t *testing.T) {
	frames := AppendFrame(AppendFrame(nil, Header{Type: TypeRead, RequestID: 1}, "first"), Header{Type: TypeRead, RequestID: 2}, "second")
	for cut := range len(frames) {
		r := bufio.NewReaderSize(&interrupted{frames[:cut], frames[cut:]}, HeaderSize+MaxPayload)
		var got []string
		for len(got) < 2 {
			h, payload, err := NextFrame(r)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			require.NoError(t, err, "cut at %d", cut)
			require.EqualValues(t, len(got)+1, h.RequestID)
			got = append(got, payload)
		}
		require.Equal(t, []string{"first", "second"}, got, "cut at %d", cut)
	}
}

// FuzzReadFrame feeds arbitrary bytes to the decoder: it may only answer a frame that encodes to the very bytes it
// consumed, or an error.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendFrame(nil, Header{Type: TypeRead, RequestID: 1}, "value"))
	f.Add(AppendFrame(AppendFrame(nil, Header{Type: TypeError, RequestID: 2}, "ENOENT\x00"), Header{Type: TypeWatchEvent}, "a\x00b\x00"))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, input []byte) {
		var buf [MaxPayload]byte
		r := bytes.NewReader(input)
		for {
			before := len(input) - r.Len()
			h, payload, err := ReadFrame(r, &buf)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrOversize) {
					t.Fatalf("unexpected kind of error: %v", err)
				}
				return
			}
			consumed := input[before : len(input)-r.Len()]
			if again := AppendFrame(nil, h, string(payload)); !bytes.Equal(again, consumed) {
				t.Fatalf("decoded %x, which encodes to %x", consumed, again)
			}
			Strings(string(payload))
			_, _ = Errno(string(payload))
		}
	})
}

func TestErrnoNamesBothWays(t *testing.T) {
	for _, e := range errnos {
		got, ok := Errno(ErrorName(e.errno))
		require.True(t, ok)
		require.Equal(t, e.errno, got)
	}
	_, ok := Errno("EWHATEVER\x00")
	require.False(t, ok)
	require.Equal(t, "EINVAL\x00", ErrorName(syscall.EXDEV))
}

func TestCheckPath(t *testing.T) {
	for path, ok := range map[string]bool{
		"/":                         true,
		"/local/domain/0":           true,
		"backend/vif/1/0":           true,
		"@releaseDomain":            true,
		"/a-b_c@d/0Z":               true,
		"":                          false,
		"/a/":                       false,
		"a/":                        false,
		"/a//b":                     false,
		"//":                        false,
		"/vif1.0":                   false,
		"/a b":                      false,
		"/a\x00b":                   false,
		"/a\nb":                     false,
		"/é":                        false,
		strings.Repeat("a", 2048):   true,
		strings.Repeat("a", 2049):   false,
		strings.Repeat("/a", 1536):  true,
		strings.Repeat("/a", 1537):  false,
		strings.Repeat("/aa", 1025): false,
	} {
		require.Equal(t, ok, CheckPath(path) == nil, "%.60q", path)
	}
}
