# shellcheck shell=bash
# Builds the Go programs in lab/build/ into the cache, each keyed by its sources, its flags and the Go version.

# Component → the folder that holds its programs, filled by build_all.
declare -A built

build_all() {
    local component go
    go=$(go env GOVERSION GOARCH)
    for component in kubernetes containerd coredns etcd helm metrics-server cni-plugins labnet kube-router pause files calico-operator; do
        built[$component]=$(cached "$component" \
            "$(hash_of "$lab_root/build/$component" "$(linker_flags "$component")" "$go")" build_into "$component")
    done
}

build_into() {
    local component=$1 folder=$2 target=. begin=$SECONDS
    say "building $component from Go modules"
    # Programs that upstream keeps as importable main packages are named in go.mod as tools.
    [[ -e $lab_root/build/$component/main.go ]] || target=tool
    # The machine's own Go settings (flags, workspaces) must not leak into what hosts run. Paths are not trimmed: with
    # -trimpath Go compiles what go.mod replaces once for each version it was replaced from, and here that is most of Helm
    # and metrics-server.
    env -C "$lab_root/build/$component" CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off \
        go build -buildvcs=false -ldflags "-s -w $(linker_flags "$component")" -o "$folder/" "$target"
    say "built $component in $((SECONDS - begin)) s"
}

# What upstream's release builds say about themselves.
linker_flags() {
    local package=k8s.io/component-base/version
    case $1 in
    kubernetes)
        printf -- '-X %s.%s=%s ' \
            "$package" gitVersion "$kubernetes_version" \
            "$package" gitMajor "${kubernetes_minor%.*}" "$package" gitMinor "${kubernetes_minor#*.}" \
            "$package" gitTreeState clean \
            "$package" gitCommit "$(module_sum kubernetes k8s.io/kubernetes)" \
            "$package" buildDate "$(module_date kubernetes k8s.io/kubernetes)"
        ;;
    containerd) printf -- '-X github.com/containerd/containerd/v2/version.Version=%s' "$containerd_version" ;;
    cni-plugins)
        printf -- '-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=%s' "$cni_plugins_version"
        ;;
    helm) printf -- '-X helm.sh/helm/v4/internal/version.version=%s' "$helm_version" ;;
    metrics-server) printf -- '-X %s.gitVersion=%s' "$package" "$metrics_server_version" ;;
    kube-router) printf -- '-X github.com/cloudnativelabs/kube-router/v2/pkg/version.Version=%s' "$kube_router_version" ;;
    pause) printf -- '-X main.version=%s' "$pause_version" ;;
    esac
}

# A module carries no commit; its checksum says exactly which sources these are.
module_sum() { awk -v module="$2" '$1 == module && $2 ~ /^v[^\/]*$/ { print $3; exit }' "$lab_root/build/$1/go.sum"; }

# The module's own date rather than now, so that the same sources give the same bytes.
module_date() {
    env -C "$lab_root/build/$1" GOFLAGS=-mod=readonly GOWORK=off go list -m -f '{{.Time.UTC.Format "2006-01-02T15:04:05Z"}}' "$2"
}
