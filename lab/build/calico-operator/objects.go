// What the stand-in makes: an IPPool, and the pods under the names of Calico's own.
package main

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// pool keeps the one pool of the Installation. A pool that is there is never changed: the real
// operator asks Calico's own API server for that, which forge does not ask it for.
func (o *operator) pool(ctx context.Context, installation *unstructured.Unstructured) (conditions, error) {
	list, _, err := unstructured.NestedSlice(installation.Object, "spec", "calicoNetwork", "ipPools")
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		wanted, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("an IP pool is %T", item)
		}
		name, _ := wanted["name"].(string)
		spec := map[string]any{}
		for _, key := range []string{"cidr", "blockSize", "nodeSelector", "encapsulation"} {
			spec[key] = wanted[key]
		}
		found, err := o.client.Resource(pools).Get(ctx, name, metav1.GetOptions{})
		if errors.IsNotFound(err) {
			object := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool",
				"metadata": map[string]any{"name": name}, "spec": spec,
			}}
			_, err = o.client.Resource(pools).Create(ctx, object, metav1.CreateOptions{})
			if err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(found.Object["spec"], spec) {
			return degraded("ResourceNotReady", "Unable to modify IP pools while Calico API server is unavailable"), nil
		}
	}
	return available(), nil
}

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: calico-system, labels: {pod-security.kubernetes.io/enforce: privileged}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: calico-node, namespace: calico-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: calico-node}
rules:
  - {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: calico-node}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: calico-node}
subjects:
  - {kind: ServiceAccount, name: calico-node, namespace: calico-system}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: calico-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      serviceAccountName: calico-node
      hostNetwork: true
      priorityClassName: system-node-critical
      terminationGracePeriodSeconds: 2
      tolerations:
        - operator: Exists
      containers:
        - name: calico-node
          image: quay.io/calico/node:%[1]s
          imagePullPolicy: IfNotPresent
          env:
            - name: NODE_NAME
              valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
            - {name: LINUX_DATAPLANE, value: %[2]q}
          resources:
            requests: {cpu: 10m, memory: 20Mi}
          securityContext: {privileged: true}
          volumeMounts:
            - {name: cni, mountPath: /etc/cni/net.d}
            - {name: bpffs, mountPath: /sys/fs/bpf}
      volumes:
        - {name: cni, hostPath: {path: /etc/cni/net.d, type: DirectoryOrCreate}}
        - {name: bpffs, hostPath: {path: %[3]q, type: Directory}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calico-kube-controllers, namespace: calico-system}
spec:
  selector: {matchLabels: {k8s-app: calico-kube-controllers}}
  template:
    metadata: {labels: {k8s-app: calico-kube-controllers}}
    spec:
      priorityClassName: system-cluster-critical
      terminationGracePeriodSeconds: 2
      tolerations:
        - {key: CriticalAddonsOnly, operator: Exists}
        - {key: node-role.kubernetes.io/control-plane, operator: Exists}
      containers:
        - name: calico-kube-controllers
          image: quay.io/calico/kube-controllers:%[1]s
          imagePullPolicy: IfNotPresent
          resources:
            requests: {cpu: 10m, memory: 20Mi}
`

// resources names what objects are of.
var resources = map[string]schema.GroupVersionResource{
	"Namespace":          {Version: "v1", Resource: "namespaces"},
	"ServiceAccount":     {Version: "v1", Resource: "serviceaccounts"},
	"ClusterRole":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	"ClusterRoleBinding": {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	"DaemonSet":          {Group: "apps", Version: "v1", Resource: "daemonsets"},
	"Deployment":         {Group: "apps", Version: "v1", Resource: "deployments"},
}

// make applies the objects. mount is a folder in place of /sys/fs/bpf, which the host must have.
func (o *operator) make(ctx context.Context, installation *unstructured.Unstructured, mount string) error {
	if mount == "" {
		mount = "/sys/fs/bpf"
	}
	dataplane, _, err := unstructured.NestedString(installation.Object, "spec", "calicoNetwork", "linuxDataplane")
	if err != nil {
		return err
	}
	for _, text := range documents(fmt.Sprintf(objects, o.version, dataplane, mount)) {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
			return err
		}
		resource, known := resources[object.GetKind()]
		if !known {
			return fmt.Errorf("no resource for %s", object.GetKind())
		}
		options := metav1.ApplyOptions{FieldManager: "tigera-operator", Force: true}
		if space := object.GetNamespace(); space != "" {
			_, err = o.client.Resource(resource).Namespace(space).Apply(ctx, object.GetName(), object, options)
		} else {
			_, err = o.client.Resource(resource).Apply(ctx, object.GetName(), object, options)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
