// calico-operator stands in for Calico's operator (github.com/tigera/operator), which cannot
// be built from Go modules. It answers an Installation as that one does: it fills in defaults,
// makes an IPPool, a DaemonSet and a Deployment, and says in a TigeraStatus for each of its
// parts what has come of it, with the generation of the Installation that it speaks of. The
// network behind it is labnet, so nothing of the Installation but its version and its data
// plane has an effect.
//
// A ConfigMap tigera-operator/lab makes it fail: `degraded` ("REASON: MESSAGE") is what it then
// says instead of doing anything, `mount` is a folder of the host that calico-node mounts.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// period is the real operator's between two looks at what it made.
const period = 5 * time.Second

// calicoVersions is which Calico each version of the operator brings.
var calicoVersions = map[string]string{"v1.42.3": "v3.32.1", "v1.40.15": "v3.31.7"}

var (
	installations = schema.GroupVersionResource{Group: "operator.tigera.io", Version: "v1", Resource: "installations"}
	statuses      = schema.GroupVersionResource{Group: "operator.tigera.io", Version: "v1", Resource: "tigerastatuses"}
	pools         = schema.GroupVersionResource{Group: "crd.projectcalico.org", Version: "v1", Resource: "ippools"}
	configMaps    = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

type operator struct {
	client  dynamic.Interface
	version string
	// reported is whether the last round has said that all is available.
	reported bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	version := calicoVersions[os.Getenv("TIGERA_OPERATOR_INIT_IMAGE_VERSION")]
	if version == "" {
		log.Fatal("TIGERA_OPERATOR_INIT_IMAGE_VERSION names no version of the operator that brings a known Calico")
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	// Before kube-proxy has made the API's service address work, a connection hangs.
	config.Timeout = 3 * time.Second
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	o := &operator{client: client, version: version}
	for {
		if err := o.reconcile(ctx); err != nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(period):
		}
	}
}

// reconcile does one round: from the Installation to what the parts say.
func (o *operator) reconcile(ctx context.Context) error {
	installation, err := o.client.Resource(installations).Get(ctx, "default", metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	told, err := o.told(ctx)
	if err != nil {
		return err
	}
	if installation, err = o.fillDefaults(ctx, installation); err != nil {
		return err
	}
	generation := installation.GetGeneration()
	if reason, message, found := strings.Cut(told["degraded"], ": "); found {
		return o.say(ctx, "calico", generation, degraded(reason, message))
	}
	if message := refusal(installation); message != "" {
		invalid := degraded("InvalidConfigurationError", "Invalid Installation provided: "+message)
		waits := degraded("ResourceNotReady", "Waiting for Installation defaulting to occur")
		return first(o.say(ctx, "calico", generation, invalid), o.say(ctx, "ippools", generation, waits))
	}
	pool, err := o.pool(ctx, installation)
	if err != nil {
		return err
	}
	if err := o.say(ctx, "ippools", generation, pool); err != nil {
		return err
	}
	if err := o.make(ctx, installation, told["mount"]); err != nil {
		return first(err, o.say(ctx, "calico", generation, degraded("ResourceUpdateError", "Error creating / updating resource: "+err.Error())))
	}
	running, err := o.running(ctx)
	if err != nil {
		return err
	}
	if err := o.say(ctx, "calico", generation, running); err != nil {
		return err
	}
	// As the real one does it, a round after it has said that all is available.
	if o.reported && running.available() {
		return o.note(ctx, installation)
	}
	o.reported = running.available()
	return nil
}

// told is what the lab asks of this stand-in.
func (o *operator) told(ctx context.Context) (map[string]string, error) {
	object, err := o.client.Resource(configMaps).Namespace("tigera-operator").Get(ctx, "lab", metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data, _, err := unstructured.NestedStringMap(object.Object, "data")
	return data, err
}

// fillDefaults writes into the Installation what it leaves open, which makes it a new generation.
func (o *operator) fillDefaults(ctx context.Context, installation *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if _, found, _ := unstructured.NestedMap(installation.Object, "spec", "cni"); found {
		return installation, nil
	}
	defaults := []byte(`{"spec": {"variant": "Calico", "cni": {"type": "Calico", "ipam": {"type": "Calico"}}}}`)
	return o.client.Resource(installations).Patch(ctx, "default", types.MergePatchType, defaults, metav1.PatchOptions{})
}

// note tells which version of Calico is what runs.
func (o *operator) note(ctx context.Context, installation *unstructured.Unstructured) error {
	if now, _, _ := unstructured.NestedString(installation.Object, "status", "calicoVersion"); now == o.version {
		return nil
	}
	patch := []byte(`{"status": {"variant": "Calico", "calicoVersion": "` + o.version + `"}}`)
	_, err := o.client.Resource(installations).Patch(ctx, "default", types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// refusal is what the real operator says of an Installation that it does not take, word for
// word (pkg/controller/installation/validation.go).
func refusal(installation *unstructured.Unstructured) string {
	network := func(path ...string) string {
		text, _, _ := unstructured.NestedString(installation.Object, append([]string{"spec", "calicoNetwork"}, path...)...)
		return text
	}
	list, _, _ := unstructured.NestedSlice(installation.Object, "spec", "calicoNetwork", "ipPools")
	for _, item := range list {
		pool, ok := item.(map[string]any)
		if !ok {
			continue
		}
		encapsulation, _ := pool["encapsulation"].(string)
		cidr, _ := pool["cidr"].(string)
		ipip := encapsulation == "IPIP" || encapsulation == "IPIPCrossSubnet"
		switch {
		case ipip && strings.Contains(cidr, ":"):
			return "IPIP encapsulation is not supported by IPv6 pools, but it is set for " + cidr
		case ipip && network("bgp") != "Enabled":
			return "with BIRD cluster routing mode, IPIP encapsulation requires that BGP is enabled"
		case encapsulation == "None" && network("bgp") != "Enabled":
			return "with BIRD cluster routing mode, unencapsulated IP pools require that BGP is enabled"
		}
	}
	return ""
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
