# shellcheck shell=bash
# What hosts install from: the image registry and the HTTP folder, on the bridge's address only.

registry_url=http://$machine_address:$registry_port
files_url=http://$machine_address:$files_port

# debian_package NAME: prints a folder with the contents of Debian's package. Unpacked rather than
# installed: the machine itself shall run neither a registry nor a container runtime.
debian_package() {
    local version
    version=$(apt-cache policy "$1" | awk '$1 == "Candidate:" { print $2 }')
    [[ -n $version && $version != '(none)' ]] || die "apt knows no package $1 (run apt-get update)"
    cached "debian-$1" "$(hash_of "$1=$version")" debian_package_into "$1=$version"
}

debian_package_into() {
    local download
    download=$(mktemp -d)
    (cd "$download" && apt-get -qq -o APT::Sandbox::User=root download "$1" && dpkg-deb -x ./*.deb "$2")
    rm -r "$download"
}

# registry_start STORAGE
registry_start() {
    stop registry
    cat >"$state_root/registry.yaml" <<EOT
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $1}}
http: {addr: $machine_address:$registry_port}
EOT
    start registry "$(debian_package docker-registry)/usr/bin/docker-registry" serve "$state_root/registry.yaml"
    await registry "$registry_url/v2/"
}

# files_start FOLDER
files_start() {
    stop files
    start files "${built[files]}/files" --address "$machine_address:$files_port" --root "$1"
    await files "$files_url/"
}

await() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if curl --noproxy '*' --silent --fail --output /dev/null "$2"; then return; fi
        running "$1" >/dev/null || break
        sleep 0.05
    done
    die "$1 does not answer at $2: $(tail -3 "$state_root/log/$1")"
}
