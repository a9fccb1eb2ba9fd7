package configs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

const edited = `# Ours.
[host]
gateway = "192.168.1.1"   # shared

[[guest]]
name = "web"
mode = "nat"
# open6 = true

  # Remote desktop, for Ann.
  [[guest.forward]]
  listen = "203.0.113.40:3389"   # from outside
  # a word inside
  to = 3389

# The shop.
[[guest]]
name = "shop"
nic = 1
`

func web(listen string) configs.ForwardWords { return configs.ForwardWords{Listen: listen} }

// Each change leaves the rest as it is, byte for byte, and taking it back leaves nothing.
func TestAddForward(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, guest string
		nic               int
		words             configs.ForwardWords
		// added stands behind what begins with after.
		after, added string
	}{
		{
			"behind the forwards it has", edited, "web", configs.AnyNIC,
			configs.ForwardWords{Listen: ":80", To: "8080", Proto: "both", From: []string{"198.51.100.0/24", "192.0.2.1"}},
			"  to = 3389\n", "\n  [[guest.forward]]\n  listen = \":80\"\n  to = 8080\n  proto = \"both\"\n  from = [\"198.51.100.0/24\", \"192.0.2.1\"]\n",
		},
		{"the first one", edited, "shop", configs.AnyNIC, web("203.0.113.40:80"), "nic = 1\n", "\n  [[guest.forward]]\n  listen = \"203.0.113.40:80\"\n"},
		{"a range", edited, "shop", 1, configs.ForwardWords{Listen: ":80-81", To: "90-91"}, "nic = 1\n", "\n  [[guest.forward]]\n  listen = \":80-81\"\n  to = \"90-91\"\n"},
		{"behind settings in comments", "[[guest]]\nname = \"web\"\n# nat66 = true\n\n# Next.\n", "web", configs.AnyNIC, web(":80"), "# nat66 = true\n", "\n  [[guest.forward]]\n  listen = \":80\"\n"},
		{"not behind the next entry's comment", "[[guest]]\nname = \"web\"\n# Next.\n[[guest]]\nname = \"b\"\n", "web", configs.AnyNIC, web(":80"), "name = \"web\"\n", "\n  [[guest.forward]]\n  listen = \":80\"\n"},
		{"indented as the others", "[[guest]]\nname = \"web\"\n[[guest.forward]]\nlisten = \":1\"\n", "web", configs.AnyNIC, web(":80"), "listen = \":1\"\n", "\n[[guest.forward]]\nlisten = \":80\"\n"},
		{"with the ends of lines that others have", "[[guest]]\r\nname = \"web\"\r\n", "web", configs.AnyNIC, web(":80"), "name = \"web\"\r\n", "\r\n  [[guest.forward]]\r\n  listen = \":80\"\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := files(t, map[string]string{"vifctl.toml": c.text})
			e, err := configs.AddForward(path, c.guest, c.nic, c.words)
			require.NoError(t, err)
			require.Equal(t, c.text, e.Before)
			require.Equal(t, strings.Replace(c.text, c.after, c.after+c.added, 1), e.After)
			require.Equal(t, c.guest, e.Guest.Name)
			require.Equal(t, c.words.Listen, e.Guest.Forwards[len(e.Guest.Forwards)-1].ListenText())
			require.False(t, e.New)

			require.NoError(t, os.WriteFile(path, []byte(e.After), 0o600))
			back, err := configs.DropForward(path, c.guest, c.nic, web(c.words.Listen))
			require.NoError(t, err)
			require.Equal(t, c.text, back.After)
		})
	}
}

func TestDropForwardKeepsWhatIsAroundIt(t *testing.T) {
	t.Parallel()
	path := files(t, map[string]string{"vifctl.toml": edited})
	e, err := configs.DropForward(path, "web", configs.AnyNIC, web("203.0.113.40:3389"))
	require.NoError(t, err)
	begin, rest, _ := strings.Cut(edited, "  [[guest.forward]]\n")
	_, end, _ := strings.Cut(rest, "to = 3389\n")
	require.Equal(t, begin+end, e.After)
	require.Empty(t, e.Guest.Forwards)
}

func TestAddForwardMakesAnEntry(t *testing.T) {
	t.Parallel()
	const entry = "[[guest]]\nname = \"new\"\n\n  [[guest.forward]]\n  listen = \":80\"\n"
	e, err := configs.AddForward(files(t, nil), "new", configs.AnyNIC, web(":80"))
	require.NoError(t, err)
	require.Equal(t, entry, e.After)
	require.True(t, e.New)

	path := files(t, map[string]string{"vifctl.toml": edited, "vifctl.d/a.toml": "[[guest]]\nname = \"other\"\n"})
	e, err = configs.AddForward(path, "new", configs.AnyNIC, web(":80"))
	require.NoError(t, err)
	require.Equal(t, edited+"\n"+entry, e.After)
	require.Equal(t, "new", e.Guest.Name)
	// The file in which the guest's entry stands is the one that changes.
	e, err = configs.AddForward(path, "other", configs.AnyNIC, web(":80"))
	require.NoError(t, err)
	require.Equal(t, configs.Folder(path)+"/a.toml", e.File)
	require.Equal(t, "other", e.Guest.Name)

	e, err = configs.AddForward(files(t, map[string]string{"vifctl.d/a.toml": "[[guest]]\nname = \"other\"\n"}), "new", 2, web(":80"))
	require.NoError(t, err)
	require.True(t, e.New)
	require.Equal(t, "new", e.Guest.Name)
	require.Equal(t, 2, e.Guest.NIC)
}

func TestForwardsThatAreNotChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, guest string
		drop              bool
		words             configs.ForwardWords
		sentence          string
	}{
		{"words that are no forward", edited, "web", false, web("203.0.113.40"), `^listen cannot be "203.0.113.40": it has no port`},
		{"as many ports", edited, "web", false, configs.ForwardWords{Listen: ":80-81", To: "80"}, `^2 ports cannot lead to one port: write to = "80-81"$`},
		{"it has it", edited, "web", false, web("203.0.113.40:3389"), `^guest "web" has that forward already, at .*vifctl.toml:11$`},
		{"another guest has the port", edited, "shop", false, web("203.0.113.40:3389"), `^tcp port 3389 of 203.0.113.40 leads to guest "web" already, at .*vifctl.toml:12:12`},
		{"a name that no guest has", edited, " x", false, web(":80"), `begins or ends with a space`},
		{"a file with a mistake", "[host]\nuplnik = 1\n", "web", false, web(":80"), `uplnik is not a setting`},
		{"two entries", "[[guest]]\nname = \"w\"\nnic = 0\n[[guest]]\nname = \"w\"\nnic = 1\n", "w", false, web(":80"), `"w" could be guest "w", nic 0 or guest "w", nic 1: say nic=N`},
		{"a list in one line", "[[guest]]\nname = \"w\"\nforward = [{listen = \":1\"}]\n", "w", false, web(":80"), `written in one line.*vifctl.toml:1: add \{listen = ":80"\} there by hand`},
		{"none to drop", edited, "web", true, web(":80"), `guest "web" has no forward that listens on :80`},
		{"no guest", edited, "wbe", true, web(":80"), `no entry of the configuration is about "wbe"`},
		{
			"one of two", "[[guest]]\nname = \"w\"\n[[guest.forward]]\nlisten = \":1\"\n[[guest.forward]]\nlisten = \":1\"\nproto = \"udp\"\n", "w", true, web(":1"),
			`has 2 forwards that listen on :1: say which, by proto= or from=`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := files(t, map[string]string{"vifctl.toml": c.text})
			change := configs.AddForward
			if c.drop {
				change = configs.DropForward
			}
			e, err := change(path, c.guest, configs.AnyNIC, c.words)
			require.Nil(t, e)
			require.Error(t, err)
			require.Regexp(t, c.sentence, err.Error())
			require.NotContains(t, err.Error(), "\n")
		})
	}
}
