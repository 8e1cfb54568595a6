// labnet is the lab's pod network. All hosts share one network segment, so it
// needs no tunnel: on each node it writes a CNI configuration for the node's own
// pod network, keeps one route per other node, and masquerades what leaves the
// cluster. It watches nodes, so a node that joins is reachable at once.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// retryAfter is short because at a node's birth labnet runs before kube-proxy has
// made the API's service address work, and pods wait for labnet.
const retryAfter = 300 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	self := os.Getenv("NODE_NAME")
	if self == "" {
		log.Fatal("NODE_NAME is not set")
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	// A connection tried before the service address works would hang, not fail.
	config.Dial = (&net.Dialer{Timeout: time.Second, KeepAlive: 10 * time.Second}).DialContext
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	for ctx.Err() == nil {
		if err := follow(ctx, client, self); err != nil && ctx.Err() == nil {
			log.Print(err)
			time.Sleep(retryAfter)
		}
	}
}

// follow lists the nodes and then watches them, applying the network after every change,
// until the watch ends.
func follow(ctx context.Context, client kubernetes.Interface, self string) error {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	nodes := map[string]node{}
	for i := range list.Items {
		remember(nodes, &list.Items[i])
	}
	if err := apply(nodes, self); err != nil {
		return err
	}
	watcher, err := client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		object, ok := event.Object.(*corev1.Node)
		if !ok {
			return errors.New("the watch of nodes ended: listing again")
		}
		before := nodes[object.Name]
		if event.Type == watch.Deleted {
			delete(nodes, object.Name)
		} else {
			remember(nodes, object)
		}
		// Nodes report their health every few seconds; only addresses matter here.
		if nodes[object.Name] == before {
			continue
		}
		if err := apply(nodes, self); err != nil {
			return err
		}
	}
	return nil
}

// node is what the network needs to know of one.
type node struct{ address, pods string }

func remember(nodes map[string]node, object *corev1.Node) {
	n := node{pods: object.Spec.PodCIDR}
	for _, address := range object.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			n.address = address.Address
			break
		}
	}
	nodes[object.Name] = n
}

func apply(nodes map[string]node, self string) error {
	own := nodes[self]
	if own.pods == "" {
		log.Printf("%s has no pod network yet", self)
		// A node that was deleted may come back with another pod network: until labnet knows it, no pod
		// shall get an address from the old one.
		return forgetCNI()
	}
	if err := routes(nodes, self); err != nil {
		return err
	}
	if err := masquerade(nodes, own); err != nil {
		return err
	}
	// Last: the node turns Ready when the file is there.
	return configureCNI(own.pods)
}
