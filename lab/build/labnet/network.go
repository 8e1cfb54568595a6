// What labnet changes on its node: routes, one nft table, one CNI configuration.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// protocol marks labnet's own routes in the kernel's table, so that it removes only those.
const protocol = 77

// routes keeps one route per other node and removes those of nodes that are gone.
func routes(nodes map[string]node, self string) error {
	wanted := map[string]bool{}
	for name, n := range nodes {
		if name == self || n.pods == "" || n.address == "" {
			continue
		}
		_, destination, err := net.ParseCIDR(n.pods)
		if err != nil {
			return fmt.Errorf("pod network of %s: %w", name, err)
		}
		route := netlink.Route{Dst: destination, Gw: net.ParseIP(n.address), Protocol: protocol}
		if err := netlink.RouteReplace(&route); err != nil {
			return fmt.Errorf("route to %s by %s: %w", n.pods, n.address, err)
		}
		wanted[destination.String()] = true
	}
	ours, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: protocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, route := range ours {
		if route.Dst == nil || wanted[route.Dst.String()] {
			continue
		}
		if err := netlink.RouteDel(&route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove route to %s: %w", route.Dst, err)
		}
		log.Printf("removed the route to %s", route.Dst)
	}
	return nil
}

// masquerade lets pods reach what is outside the cluster, which has no route back to them.
// Pods and nodes see each other's real addresses.
func masquerade(nodes map[string]node, own node) error {
	var inside []string
	for _, n := range nodes {
		if n.pods != "" {
			inside = append(inside, n.pods)
		}
		if n.address != "" {
			inside = append(inside, n.address)
		}
	}
	slices.Sort(inside)
	// Declared, deleted and declared again in one transaction: nothing passes in between.
	rules := fmt.Sprintf(`table ip labnet
delete table ip labnet
table ip labnet {
	set inside {
		type ipv4_addr
		flags interval
		auto-merge
		elements = { %s }
	}
	chain postrouting {
		type nat hook postrouting priority srcnat
		ip saddr %s ip daddr != @inside ip daddr != 224.0.0.0/4 masquerade
	}
}
`, strings.Join(inside, ", "), own.pods)
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

const cniFile = "/etc/cni/net.d/10-labnet.conflist"

// configureCNI hands the node's pod network to the reference plugins. The file appears whole
// or not at all: containerd reads the folder whenever it changes. forceAddress gives a bridge that is
// there from an earlier pod network of this node the address of the new one, instead of failing every pod.
func configureCNI(pods string) error {
	content := fmt.Appendf(nil, `{
  "cniVersion": "1.0.0",
  "name": "labnet",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isDefaultGateway": true,
      "forceAddress": true,
      "hairpinMode": true,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": %q}]]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`, pods)
	if old, err := os.ReadFile(cniFile); err == nil && bytes.Equal(old, content) {
		return nil
	}
	// The name must not end in a way containerd reads.
	next := filepath.Join(filepath.Dir(cniFile), ".10-labnet.new")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, cniFile); err != nil {
		return err
	}
	log.Printf("pods on this node get their addresses from %s", pods)
	return nil
}

// forgetCNI makes the node unready for pods until configureCNI writes the file again.
func forgetCNI() error {
	if err := os.Remove(cniFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
