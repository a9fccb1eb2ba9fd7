package hostmap_test

import (
	"encoding/xml"
	"fmt"
	"image"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// drawn is what is in a picture, by its source.
type drawn struct {
	width, height int
	boxes         []image.Rectangle
	texts         []text
}

type text struct {
	class, words string
	at           image.Point
}

// draw reads a picture's source.
func draw(t *testing.T, svg string) (d drawn) {
	t.Helper()
	type shape struct {
		Class  string `xml:"class,attr"`
		X      int    `xml:"x,attr"`
		Y      int    `xml:"y,attr"`
		Width  int    `xml:"width,attr"`
		Height int    `xml:"height,attr"`
		Words  string `xml:",chardata"`
	}
	var all struct {
		Width  int     `xml:"width,attr"`
		Height int     `xml:"height,attr"`
		Rects  []shape `xml:"rect"`
		Texts  []shape `xml:"text"`
	}
	require.NoError(t, xml.Unmarshal([]byte(svg), &all))
	d.width, d.height = all.Width, all.Height
	for _, r := range all.Rects {
		if strings.HasPrefix(r.Class, "box") {
			d.boxes = append(d.boxes, image.Rect(r.X, r.Y, r.X+r.Width, r.Y+r.Height))
		}
	}
	for _, w := range all.Texts {
		d.texts = append(d.texts, text{w.Class, w.Words, image.Pt(w.X, w.Y)})
	}
	return d
}

// picture is what a browser shows.
type picture struct {
	image.Image
	dark bool
}

// look says what is wrong with a picture, from its pixels: something cannot be
// seen or read, runs out of where it belongs, or has the wrong colour. broken and
// well are names of boxes.
func look(t *testing.T, svg string, shot image.Image, dark bool, broken, well []string) (found []string) {
	t.Helper()
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	d, p := draw(t, svg), picture{shot, dark}
	if page := p.light(2, 2); page > 0.5 == dark {
		complain("the page is %s", map[bool]string{true: "light", false: "dark"}[page > 0.5])
	}
	const edge = 10
	for _, strip := range []image.Rectangle{
		image.Rect(0, 0, d.width, edge), image.Rect(0, d.height-edge, d.width, d.height),
		image.Rect(0, 0, edge, d.height), image.Rect(d.width-edge, 0, d.width, d.height),
	} {
		if !p.plain(strip) {
			complain("something runs out of the picture at %v", strip)
		}
	}
	for _, w := range d.texts {
		if inside := image.Rect(0, 0, d.width, d.height).Inset(edge); !inside.Overlaps(image.Rect(w.at.X, w.at.Y-10, w.at.X+8, w.at.Y)) {
			complain("%q lies outside", w.words)
			continue
		}
		least := 4.5 // of WCAG 2.1, for text; what is faint is said elsewhere, too
		if w.class == "faint" {
			least = 3
		}
		letters := utf8.RuneCountInString(strings.TrimSpace(w.words))
		if c := p.contrast(image.Rect(w.at.X, w.at.Y-11, w.at.X+7*letters, w.at.Y+3)); c < 1.5 {
			complain("%q cannot be seen", w.words)
		} else if c < least {
			complain("%q can hardly be read: a contrast of %.1f", w.words, c)
		}
		if w.class == "bad" && !p.hasRed(image.Rect(w.at.X, w.at.Y-11, w.at.X+7*letters, w.at.Y+3)) {
			complain("%q is not red", w.words)
		}
	}
	for _, b := range d.boxes {
		if !p.plain(image.Rect(b.Max.X-12, b.Min.Y+8, b.Max.X-3, b.Max.Y-8)) || !p.plain(image.Rect(b.Min.X+8, b.Max.Y-9, b.Max.X-8, b.Max.Y-3)) {
			complain("something runs out of its box at %v", b)
		}
	}
	for _, names := range []struct {
		of  []string
		red bool
	}{{broken, true}, {well, false}} {
		for _, name := range names.of {
			b, ok := d.boxOf(name)
			if !ok {
				complain("%s is not in the picture", name)
				continue
			}
			for _, at := range []image.Point{{(b.Min.X + b.Max.X) / 2, b.Min.Y}, {b.Min.X, (b.Min.Y + b.Max.Y) / 2}} {
				if got := p.hasRed(image.Rectangle{at, at}.Inset(-1)); got != names.red {
					complain("%s is%s red", name, map[bool]string{false: " not", true: ""}[got])
				}
			}
		}
	}
	return found
}

// boxOf finds the box of a name.
func (d drawn) boxOf(name string) (image.Rectangle, bool) {
	for _, w := range d.texts {
		for _, b := range d.boxes {
			if w.class == "name" && w.words == name && w.at.In(b) {
				return b, true
			}
		}
	}
	return image.Rectangle{}, false
}

// rgb is the colour of a pixel, each from 0 to 1.
func (p picture) rgb(x, y int) (red, green, blue float64) {
	r, g, b, _ := p.At(p.Bounds().Min.X+x, p.Bounds().Min.Y+y).RGBA()
	return float64(r) / 0xffff, float64(g) / 0xffff, float64(b) / 0xffff
}

// light is a pixel's relative luminance (WCAG 2.1).
func (p picture) light(x, y int) float64 {
	linear := func(c float64) float64 {
		if c <= 0.03928 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	r, g, b := p.rgb(x, y)
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

// contrast is the ratio of the lightest to the darkest pixel.
func (p picture) contrast(r image.Rectangle) float64 {
	lightest, darkest := 0.0, 1.0
	p.each(r, func(x, y int) {
		l := p.light(x, y)
		lightest, darkest = max(lightest, l), min(darkest, l)
	})
	return (lightest + 0.05) / (darkest + 0.05)
}

// plain: all of it has one colour.
func (p picture) plain(r image.Rectangle) bool { return p.contrast(r) < 1.02 }

func (p picture) hasRed(r image.Rectangle) bool {
	found := false
	p.each(r, func(x, y int) {
		red, green, blue := p.rgb(x, y)
		found = found || red > green+0.2 && red > blue+0.2
	})
	return found
}

// each calls look for the pixels of r that are in the picture.
func (p picture) each(r image.Rectangle, look func(x, y int)) {
	r = r.Intersect(p.Bounds().Sub(p.Bounds().Min))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			look(x, y)
		}
	}
}
