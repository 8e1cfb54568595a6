// What the stand-in says, in the conditions of the real operator (pkg/controller/status/status.go).
package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type condition struct{ kind, status, reason, message string }

type conditions []condition

func degraded(reason, message string) conditions {
	return conditions{
		{"Available", "False", "Unknown", ""},
		{"Progressing", "False", "Unknown", ""},
		{"Degraded", "True", reason, message},
	}
}

func available() conditions {
	const reason, message = "AllObjectsAvailable", "All objects available"
	return conditions{
		{"Available", "True", reason, message},
		{"Progressing", "False", reason, message},
		{"Degraded", "False", reason, message},
	}
}

func (c conditions) available() bool { return c[0].status == "True" }

func progressing(message string) conditions {
	return conditions{
		{"Available", "False", "Unknown", ""},
		{"Progressing", "True", "ResourceNotReady", message},
		{"Degraded", "False", "Unknown", ""},
	}
}

// running is what has become of the pods.
func (o *operator) running(ctx context.Context) (conditions, error) {
	var missing []string
	number := func(object *unstructured.Unstructured, path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(object.Object, path...)
		return n
	}
	node, err := o.client.Resource(resources["DaemonSet"]).Namespace("calico-system").Get(ctx, "calico-node", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	wanted := number(node, "status", "desiredNumberScheduled")
	const name = `DaemonSet "calico-system/calico-node"`
	switch updated := number(node, "status", "updatedNumberScheduled"); {
	case updated < wanted:
		missing = append(missing, fmt.Sprintf("%s update is rolling out (%d out of %d updated)", name, updated, wanted))
	case number(node, "status", "numberUnavailable") > 0:
		missing = append(missing, fmt.Sprintf("%s is not available (awaiting %d nodes)", name, number(node, "status", "numberUnavailable")))
	case number(node, "status", "numberAvailable") == 0:
		missing = append(missing, name+" is not yet scheduled on any nodes")
	case node.GetGeneration() > number(node, "status", "observedGeneration"):
		missing = append(missing, name+" update is being processed")
	}
	controllers, err := o.client.Resource(resources["Deployment"]).Namespace("calico-system").Get(ctx, "calico-kube-controllers", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if number(controllers, "status", "availableReplicas") == 0 {
		missing = append(missing, `Deployment "calico-system/calico-kube-controllers" is not available (awaiting 1 replicas)`)
	}
	if len(missing) == 0 {
		return available(), nil
	}
	return progressing(strings.Join(missing, "\n")), nil
}

// say writes the TigeraStatus of a part.
func (o *operator) say(ctx context.Context, part string, generation int64, said conditions) error {
	object, err := o.client.Resource(statuses).Get(ctx, part, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		object = &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "operator.tigera.io/v1", "kind": "TigeraStatus", "metadata": map[string]any{"name": part},
		}}
		object, err = o.client.Resource(statuses).Create(ctx, object, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	before, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var now []any
	for _, one := range said {
		since := time.Now().UTC().Format(time.RFC3339)
		for _, old := range before {
			old, ok := old.(map[string]any)
			if ok && old["type"] == one.kind && old["status"] == one.status {
				since, _ = old["lastTransitionTime"].(string)
			}
		}
		now = append(now, map[string]any{
			"type": one.kind, "status": one.status, "reason": one.reason, "message": one.message,
			"observedGeneration": generation, "lastTransitionTime": since,
		})
	}
	if reflect.DeepEqual(before, now) {
		return nil
	}
	if err := unstructured.SetNestedSlice(object.Object, now, "status", "conditions"); err != nil {
		return err
	}
	_, err = o.client.Resource(statuses).UpdateStatus(ctx, object, metav1.UpdateOptions{})
	return err
}

// documents are those of a text, without the line between them.
func documents(text string) []string { return strings.Split(text, "\n---\n") }
