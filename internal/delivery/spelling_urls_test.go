package delivery_test

import (
	"fmt"
	"strconv"
	"strings"
)

// localNames are names that machines have for themselves; whoever asks for them here
// is told loopback.
var localNames = strings.Fields(`localhost localhost. LOCALHOST LocalHost.LocalDomain localhost.localdomain ip6-localhost ip6-loopback
	shop.localhost 1.0.0.127.in-addr.arpa 127.0.0.1.nip.example 127-0-0-1.sslip.example shop.example shop.example. SHOP.EXAMPLE
	xn--80ak6aa92e.example ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ localhoſt loc%61lhost local%68ost host.docker.internal _gateway metadata.google.internal`)

var (
	schemes = []string{"http", "https", "HTTP", "hTTps"}
	users   = []string{"", "", "shop.example@", "u:p@", "shop.example:443@", "127.0.0.9:80@", "%40:%3a@", "@", "a@b@"}
	tails   = []string{"/n", "", "/", "?@shop.example", "#@shop.example", "/%2f..%2f@shop.example", "/\\@shop.example", "?u=https://shop.example/", "//shop.example/"}
)

// portForms write a port; the last ones are none that a URL may have, or others.
func portForms(port int) []string {
	p := strconv.Itoa(port)
	return []string{":" + p, ":0" + p, ":" + p, ":000000" + p, ":" + p, ":0", ":65535", ":" + strconv.Itoa(port+65536), ":+" + p, "", ":", ":" + p + ":80"}
}

// spellings are URLs that may lead to one of the ports on an address of this
// machine, none twice. Every host comes with the plain port, and with two ways of
// writing the rest of the URL, which take turns.
func spellings(ports []int) []string {
	known := map[string]bool{}
	var all []string
	add := func(url string) {
		if !known[url] {
			known[url] = true
			all = append(all, url)
		}
	}
	turn := 0
	every := localNames
	for _, address := range forbidden {
		every = append(every, hosts(address)...)
	}
	for _, host := range every {
		add(fmt.Sprintf("http://%s:%d/n", host, ports[turn%2]))
		for range 2 {
			turn++
			forms := portForms(ports[turn%len(ports)])
			add(schemes[turn%len(schemes)] + "://" + users[turn%len(users)] + host + forms[turn%len(forms)] + tails[turn*7/3%len(tails)])
		}
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "localhost", "2130706433"} {
		for _, port := range ports {
			for _, form := range torn {
				add(fmt.Sprintf(form, host, port))
			}
		}
	}
	return all
}

// torn are URLs that parsers disagree about: %[1]s is the host, %[2]d its port.
var torn = []string{
	"http://shop.example\\@%[1]s:%[2]d/", "http://%[1]s:%[2]d\\@shop.example/", "http:\\\\%[1]s:%[2]d/", "http:/\\%[1]s:%[2]d/", "http:%[1]s:%[2]d/",
	"http:/%[1]s:%[2]d/", "http:///%[1]s:%[2]d/", "//%[1]s:%[2]d/", "%[1]s:%[2]d", " http://%[1]s:%[2]d/", "http://%[1]s:%[2]d /", "http:// %[1]s:%[2]d/",
	"\thttp://%[1]s:%[2]d/", "ht\ttp://%[1]s:%[2]d/", "http://\t%[1]s:%[2]d/", "http://%[1]s\t:%[2]d/", "http://%[1]s:\t%[2]d/", "http://%[1]s:%[2]d\t/",
	"http://%[1]s:%[2]d\r\nHost: shop.example\r\n/", "http://%[1]s\n:%[2]d/", "http://%[1]s\x00:%[2]d/", "http://shop.example#@%[1]s:%[2]d/", "http://shop.example?@%[1]s:%[2]d/",
	"http://shop.example;@%[1]s:%[2]d/", "http://shop.example&@%[1]s:%[2]d/", "http://%[1]s:%[2]d&@shop.example#@shop.example/", "http://shop.example:80@%[1]s:%[2]d/",
	"http://shop.example %[1]s:%[2]d/", "http://%[1]s,shop.example:%[2]d/", "http://shop.example,%[1]s:%[2]d/", "http://%[1]s%%2f@shop.example:%[2]d/", "http://shop.example%%2f@%[1]s:%[2]d/",
	"http://%[1]s:%[2]d@shop.example:%[2]d/", "http://shop.example%%40%[1]s:%[2]d/", "http://%[1]s%%00.shop.example:%[2]d/", "http://%[1]s%%23.shop.example:%[2]d/",
	"url:http://%[1]s:%[2]d/", "gopher://%[1]s:%[2]d/_GET", "file://%[1]s:%[2]d/etc/passwd", "ftp://%[1]s:%[2]d/", "dict://%[1]s:%[2]d/", "ws://%[1]s:%[2]d/", "unix://%[1]s:%[2]d/",
	"http+unix://%[1]s:%[2]d/", "jar:http://%[1]s:%[2]d!/", "HTTP://%[1]s:%[2]d/", "https:https://%[1]s:%[2]d/", "http://http://%[1]s:%[2]d/", "http://u:p@shop.example:80@%[1]s:%[2]d/",
}
