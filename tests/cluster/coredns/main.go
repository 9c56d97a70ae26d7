// Command coredns is CoreDNS with only the plugins that a test cluster needs:
// a third of the size and of the build time of the full one.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

func main() {
	// The order in which a query passes the plugins; CoreDNS takes it from here
	// and not from the Corefile.
	dnsserver.Directives = []string{
		"reload", "health", "ready", "errors", "cache", "kubernetes", "loop", "forward",
	}
	coremain.Run()
}
