package hostmap_test

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/hostmap"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/tests/dom0"
)

// browser is Chromium without a window.
const browser = "chromium-headless-shell"

// TestInBrowser opens pictures in a browser, on a light and on a dark system, and
// looks at what it shows: the one of a host with everything, one of many guests,
// and spoilt ones, each of which must be found out.
func TestInBrowser(t *testing.T) {
	t.Parallel()
	dom0.Need(t, browser)
	f := hosting()
	good := svgOf(t, f)
	d := draw(t, good)
	broken := []string{"xenbr7", "shop", "customer-production-database-replica-frankfurt-"}
	well := []string{"eth0", "xenbr0", "storage-bridge0", "web", "win2008-1", "db", "backup"}
	spoilt := func(old, with string) string {
		require.Contains(t, good, old)
		return strings.ReplaceAll(good, old, with)
	}
	cut := func(from, to string) string {
		begin := strings.Index(good, from)
		end := strings.Index(good[begin:], to)
		require.True(t, begin >= 0 && end > 0)
		return good[:begin] + good[begin+end:]
	}
	pictures := []struct {
		name, svg    string
		light, dark  string // what is found, "" for nothing
		broken, well []string
	}{
		{"a host with everything", good, "", "", broken, well},
		{"many guests", svgOf(t, crowd(30)), "", "", nil, []string{"xenbr0", "guest 0", "guest 17", "guest 29"}},
		{"nothing is drawn", spoilt(`<text `, `<text display="none" `), "cannot be seen", "cannot be seen", broken, well},
		{"the page alone", cut(`<path`, "</svg>"), "is not in the picture", "is not in the picture", broken, well},
		{"cut off below", spoilt(size(d.height), size(d.height-100)), "lies outside", "lies outside", broken, well},
		{"a name that is too long", spoilt(">web<", ">"+strings.Repeat("web", 25)+"<"), "runs out of its box", "runs out of its box", broken, nil},
		{"what is broken is no longer red", spoilt(".broken {", ".nothing {"), "is not red", "is not red", broken, well},
		{"all is red", spoilt(`class="box"`, `class="box broken"`), "is red", "is red", broken, well},
		{"always light", cut("@media", "</style>"), "", "is light", broken, well},
	}
	var all []string
	for _, p := range pictures {
		all = append(all, p.svg)
	}
	for _, dark := range []bool{false, true} {
		t.Run(map[bool]string{false: "light", true: "dark"}[dark], func(t *testing.T) {
			t.Parallel()
			shots := photograph(t, all, dark)
			for i, p := range pictures {
				want := map[bool]string{false: p.light, true: p.dark}[dark]
				found := look(t, p.svg, shots[i], dark, p.broken, p.well)
				if want == "" {
					require.Empty(t, found, p.name)
				} else {
					require.Contains(t, strings.Join(found, "\n"), want, p.name)
				}
			}
		})
	}
}

func svgOf(t *testing.T, f *inventory.Facts) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, hostmap.Of("xen1.example.org", f, doctor.Diagnose(f)).WriteSVG(&b))
	return b.String()
}

// size is how a picture as wide as these says how high it is.
func size(height int) string { return fmt.Sprintf(`%d" width="840" height="%d"`, height, height) }

// photograph shows pictures below each other in one window of the browser.
func photograph(t *testing.T, svgs []string, dark bool) (shots []image.Image) {
	t.Helper()
	folder := t.TempDir()
	var page strings.Builder
	page.WriteString("<!doctype html><style>body { margin: 0 } iframe { display: block; border: 0 }</style>\n")
	var frames []image.Rectangle
	width, y := 0, 0
	for i, svg := range svgs {
		name := fmt.Sprintf("%d.svg", i)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(svg), 0o600))
		d := draw(t, svg)
		fmt.Fprintf(&page, "<iframe src=%s width=%d height=%d></iframe>\n", name, d.width, d.height)
		frames = append(frames, image.Rect(0, y, d.width, y+d.height))
		width, y = max(width, d.width), y+d.height
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "page.html"), []byte(page.String()), 0o600))
	scheme := map[bool]string{true: "0", false: "1"}[dark]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, browser,
		"--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-remote-fonts",
		"--blink-settings=preferredColorScheme="+scheme, "--user-data-dir="+filepath.Join(folder, "profile"),
		fmt.Sprintf("--window-size=%d,%d", width, y), "--screenshot="+filepath.Join(folder, "shot.png"),
		"file://"+filepath.Join(folder, "page.html"))
	said, err := c.CombinedOutput()
	require.NoError(t, err, string(said))
	file, err := os.Open(filepath.Join(folder, "shot.png"))
	require.NoError(t, err, string(said))
	defer file.Close()
	shot, err := png.Decode(file)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, width, y), shot.Bounds())
	for _, f := range frames {
		shots = append(shots, shot.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(f))
	}
	return shots
}
