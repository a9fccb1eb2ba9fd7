package xlcfg_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/configs/xlcfg"
)

// read shows what a file comes to: the guest, then each interface with what was
// said of it and where.
func read(t *testing.T, text string) string {
	t.Helper()
	f, err := xlcfg.Parse("web.cfg", text)
	require.NoError(t, err)
	g, err := f.Guest()
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", g.Name, g.Type)
	if g.UUID != "" {
		b.WriteString(" " + g.UUID)
	}
	if g.Stubdom {
		b.WriteString(" stubdom")
	}
	for _, n := range g.NICs {
		kind := "vif"
		if n.Emulated {
			kind = "vif+tap"
		}
		fmt.Fprintf(&b, "\n%d %s", n.Devid, kind)
		var words []string
		for key, said := range n.Said {
			if key != "rate" && !strings.Contains(text, `\"`) {
				// What was said is where it is said to be.
				require.True(t, strings.HasPrefix(strings.Split(text, "\n")[said.Line-1][said.Column-1:], said.Value), "%+v", said)
			}
			words = append(words, fmt.Sprintf(" %s=%s@%d:%d", key, said.Value, said.Line, said.Column))
		}
		slices.Sort(words)
		b.WriteString(strings.Join(words, ""))
	}
	return b.String()
}

func TestGuest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"as people write it": {
			"# web server\nname = \"web\"\ntype = \"pvh\"\nmemory = 512\n\nvif = [ 'mac=00:16:3e:00:00:01,bridge=xenbr0' ]\n",
			"web pvh\n0 vif bridge=xenbr0@6:39 mac=00:16:3e:00:00:01@6:14",
		},
		"a list over lines, comments in it, a comma at its end": {
			"name='web'\nvif = [\n  'bridge=xenbr0', # the first\n\n  # 'bridge=gone',\n  \"ip=192.0.2.1 2001:db8::1, script=vif-route\",\n]\n",
			"web pv\n0 vif bridge=xenbr0@3:11\n1 vif ip=192.0.2.1 2001:db8::1@6:7 script=vif-route@6:37",
		},
		"the empty text":             {"name='web'\nvif=['']", "web pv\n0 vif"},
		"no interface":               {"name='web'\nvif=[]", "web pv"},
		"nothing about interfaces":   {"name='web'", "web pv"},
		"semicolons":                 {"name='web'; type='hvm';; vif=['']", "web hvm\n0 vif+tap"},
		"the last one counts":        {"name='a'\nvif=['']\nname='b'\nvif=[]", "b pv"},
		"+= of a list":               {"name='web'\nvif=['mtu=1400']\nvif += [ 'mtu=9000' ]", "web pv\n0 vif mtu=1400@2:11\n1 vif mtu=9000@3:15"},
		"+= of a text":               {"name='we'\nname+='b'", "web pv"},
		"+= of nothing before":       {"name='web'\nvif+=['mtu=1400']", "web pv\n0 vif mtu=1400@2:12"},
		"numbers":                    {"name='web'\nmemory=0x200\nvcpus=017\nvif=[]", "web pv"},
		"lists in lists":             {"name='web'\nvnuma = [ [ 'pnode=0', 'size=1' ], [ 2, [] ] ]\nvif=[]", "web pv"},
		"hvm":                        {"name='web'\ntype='hvm'\nvif=['type=ioemu,model=e1000','type=vif']", "web hvm\n0 vif+tap model=e1000@3:24 type=ioemu@3:12\n1 vif type=vif@3:37"},
		"xm's hvm":                   {"kernel='/usr/lib/xen/boot/hvmloader'\nname='web'\nvif=['type=ioemu, bridge=eth0']", "web hvm\n0 vif+tap bridge=eth0@3:26 type=ioemu@3:12"},
		"builder":                    {"builder='hvm'\nname='web'\nvif=['']", "web hvm\n0 vif+tap"},
		"stub domain":                {"type='hvm'\nname='web'\ndevice_model_stubdomain_override = 1\nvif=['']", "web hvm stubdom\n0 vif+tap"},
		"uuid":                       {"name='web'\nuuid='6F0C0E8E-3A3E-4B7A-9D3C-0A4B5C6D7E8F'", "web pv 6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f"},
		"gatewaydev's old name":      {"name='web'\nvif=['netdev=eth1']", "web pv\n0 vif gatewaydev=eth1@2:14"},
		"devid":                      {"name='web'\nvif=['devid=1','','','devid=7']", "web pv\n1 vif devid=1@2:13\n0 vif\n2 vif\n7 vif devid=7@2:29"},
		"a value in quotes":          {"name='web'\nvif=['ip=\"192.0.2.1\"']", "web pv\n0 vif ip=192.0.2.1@2:11"},
		"spaces":                     {"name='web'\nvif=[' bridge = xenbr0 ,  mtu=9000 ']", "web pv\n0 vif bridge=xenbr0@2:17 mtu=9000@2:31"},
		"flags":                      {"name='web'\nvif=['trusted,bridge=a','untrusted']", "web pv\n0 vif bridge=a@2:22\n1 vif"},
		"the other keys of xl's":     {"name='web'\nvif=['vifname=www,backend=net,vlan=7,forwarddev=eth3,accel=x,colo_checkpoint_port=1']", "web pv\n0 vif accel=x@2:60 backend=net@2:27 forwarddev=eth3@2:49 vifname=www@2:15 vlan=7@2:36"},
		"an escape moves the column": {"name='web'\nvif=[\"vifname=\\\"x\\\",mtu=1400\"]", "web pv\n0 vif mtu=1400@2:25 vifname=x@2:17"},
		"rates":                      {"name='web'\nvif=['rate=10Mb/s','rate=250KB/s','rate=1MB/s@20ms','rate=1GB/s@1s','rate=8b/s@500000us']", "web pv\n0 vif rate=62500,50000@2:12\n1 vif rate=12500,50000@2:26\n2 vif rate=20000,20000@2:41\n3 vif rate=1000000000,1000000@2:59\n4 vif rate=0,500000@2:75"},
		"Windows' line ends":         {"name='web'\r\nvif=[\r\n'mtu=1400' ]\r\n", "web pv\n0 vif mtu=1400@3:6"},
		"a comment at the end":       {"name='web' # no newline", "web pv"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, read(t, tc.text))
		})
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	python := " is Python, which xl runs no more"
	for text, want := range map[string]string{
		"":                                          "1:1: the file gives the guest no name",
		"name = 'a'\nvif = 'bridge=x'":              "2:7: vif is one value and should be a list: write vif = [ 'bridge=x' ]",
		"name = ['a']":                              "1:8: name is a list and should be one value",
		"name = 'a'\nvif = [ [''] ]":                "2:9: interface 0 of vif is a list",
		"name = 'a'\nvif = [ 'brigde=x' ]":          "2:10: xl knows no brigde= for an interface (did you mean bridge?)",
		"name = 'a'\nvif = [ 'x=1' ]":               "2:10: xl knows no x= for an interface; there are mac, bridge",
		"name = 'a'\nvif = [ 'mtu=1,bridge' ]":      "2:16: bridge has no value",
		"name = 'a'\nvif = [ 'type=tap' ]":          "2:15: type=tap cannot be used: it is ioemu or vif",
		"name = 'a'\nvif = [ 'rate=fast' ]":         "2:15: rate=fast cannot be used: a rate is RATE/s",
		"name = 'a'\nvif = [ 'rate=10Mb' ]":         "2:15: rate=10Mb cannot be used",
		"name = 'a'\nvif = [ 'rate=10Mb/s@0s' ]":    "2:15: rate=10Mb/s@0s cannot be used",
		"name = 'a'\nvif = [ 'devid=one' ]":         "2:16: devid=one cannot be used",
		"name = 'a'\nvif = ['devid=1','devid=1']":   "2:25: devid=1 is another interface's already",
		"name = 'a'\ntype = 'vm'":                   "2:8: type cannot be \"vm\"",
		"name = 'a":                                 "1:8: the text that begins here does not end on its line: a ' is missing",
		"name = 'a\nb'":                             "1:8: the text that begins here does not end",
		"name = a":                                  "1:8: a is a word without quotes: write \"a\"",
		"name =":                                    "1:7: a value is missing",
		"name 'a'":                                  "1:6: a = is missing behind name",
		"name = 'a' x = 1":                          "1:12: 'x' is not expected behind a value",
		"vif = [ 'a' 'b' ]":                         "1:13: a comma is missing",
		"vif = [ 'a',, 'b' ]":                       "1:13: a value is a text in quotes, a number, or a list in [ ], not ','",
		"vif = [ 'a'; ]":                            "1:12: ';' is not expected in a list",
		"\nvif = [ 'a'":                             "2:7: the list that begins here does not end",
		"= 1":                                       "1:1: a line begins with a name",
		"1 = 1":                                     "1:1: a line begins with a name",
		"name = '\\x41'":                            "1:9: a backslash in a text stands before one of",
		"vif=[]\nvif+='x'":                          "2:6: vif is a list in one place and one value in the other",
		strings.Repeat("a=[", 3):                    "1:4: a is a word without quotes",
		"a=" + strings.Repeat("[", 99):              "1:53: lists are nested too deep",
		"import os, re":                             "1:1: import…" + python,
		"def f(x):":                                 "1:1: def…" + python,
		"if arch == 'x':":                           "1:1: if…" + python,
		"print 'hello'":                             "1:1: print…" + python,
		"name = 'vm%d' % vmid":                      "1:15: '%' behind a value" + python,
		"name = 'vm' + str(1)":                      "1:13: '+' behind a value" + python,
		"name = 'a' 'b'":                            "1:12: joining texts by writing them beside each other" + python,
		"name = os.environ['X']":                    "1:8: os.environ…" + python,
		"vif = [ 'a' ] * 2":                         "1:15: '*' behind a value" + python,
		"vif = [ 'mac=%s' % m ]":                    "1:18: code in a list" + python,
		"vif = [ x for x in y ]":                    "1:9: x is a word without quotes",
		"a = ('b', 'c')":                            "1:5: a value that begins with (" + python,
		"a = { 'b': 'c' }":                          "1:5: a value that begins with {" + python,
		"a = '''b'''":                               "1:5: a text in three quotes" + python,
		"a.append('b')":                             "1:1: a.append…" + python,
		"x[0] = 1":                                  "1:1: x…" + python,
		"a = -1":                                    "1:5: a value that begins with -" + python,
		"name = 'a'\nvif = [ '\x01=\x1b[2J' ]":      "2:10: xl knows no ?= for",
		"@decorator":                                "1:1: a line that begins with @" + python,
		"name = 'a'\nvif = [ 'devid=99999999' ]":    "2:16: devid=99999999 cannot be used",
		"name = 'a'\nvif = ['rate=99999999999b/s']": "2:14: rate=99999999999b/s cannot be used",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			f, err := xlcfg.Parse("web.cfg", text)
			if err == nil {
				_, err = f.Guest()
			}
			var m *configs.Mistake
			require.ErrorAs(t, err, &m)
			require.Contains(t, m.Error(), "web.cfg:"+want)
			require.NotContains(t, m.Text, "\n")
		})
	}
}

// What xm took and xl does not can be read, and is told.
func TestOddities(t *testing.T) {
	t.Parallel()
	f, err := xlcfg.Parse("web.cfg", "IMAGES = 'x'\nname = 'web'\nlocaltime = True\nvif = ['']\n")
	require.NoError(t, err)
	require.Len(t, f.Odd, 2)
	require.Equal(t, "web.cfg:1:1: xl reads names of small letters only, and IMAGES is none", f.Odd[0].Error())
	require.Equal(t, "web.cfg:3:13: xl has no True: it writes 1 or 0", f.Odd[1].Error())
}

// The examples that Debian's package brings (unpacked by tests/deps) are read.
func TestDebiansExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../.cache/debian/etc/xen/xlexample.*")
	require.NoError(t, err)
	if len(files) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("the examples are not there: run `tests/deps test`")
		}
		t.Skip("the examples are not there: run `tests/deps test`")
	}
	types := map[string]string{"hvm": "hvm", "pvlinux": "pv", "pvhlinux": "pvh"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		f, err := xlcfg.Parse(file, string(text))
		require.NoError(t, err)
		require.Empty(t, f.Odd)
		g, err := f.Guest()
		require.NoError(t, err)
		require.Equal(t, types[strings.TrimPrefix(filepath.Ext(file), ".")], g.Type, file)
		require.Len(t, g.NICs, 1)
		require.Equal(t, g.Type == "hvm", g.NICs[0].Emulated)
	}
}

// Whatever a file says, it is read, or its mistake is one line with a position
// in the file.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"name='a'\nvif=['mac=00:16:3e:00:00:01,rate=1Mb/s@5ms', \"ip=1.2.3.4\",]\nvif+=['']", "a=[[],1,\n#\n'']",
		"import os", "\ufeffname='\\n'", "name='a'\nvif=['devid=0x7','type=vif,trusted']", "a=1;b=True", "x=[[[[",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := xlcfg.Parse("x", text)
		if err == nil {
			var g xlcfg.Guest
			if g, err = file.Guest(); err == nil {
				seen := map[int]bool{}
				for _, n := range g.NICs {
					if seen[n.Devid] {
						t.Fatalf("devid %d is there twice", n.Devid)
					}
					seen[n.Devid] = true
				}
				return
			}
		}
		var m *configs.Mistake
		if !errors.As(err, &m) {
			t.Fatalf("%T: %v", err, err)
		}
		lines := strings.Split(text, "\n")
		if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len(lines[m.Line-1])+1 || strings.ContainsAny(m.Text, "\n\x1b") {
			t.Fatalf("%q", m.Error())
		}
	})
}
