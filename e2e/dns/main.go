// The DNS server of the local environment: CoreDNS with only the plugins it needs, so that it builds in a minute.
// Its Corefile is written by `environment up`; it answers Services of the cluster and the names of the host's
// Kafka, ClickHouse and receiver. It never forwards: no question leaves the machine, any other name does not exist.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order in which a query passes the plugins.
	dnsserver.Directives = []string{"bind", "health", "ready", "errors", "cache", "hosts", "kubernetes", "template"}
	coremain.Run()
}
