//! What `kubeadm config images list` says on the host that was asked.

/// The images, one per line; what kubeadm writes to the same stream by mistake (warnings) is not one.
pub fn parse(output: &str) -> Vec<String> {
    let is_image = |line: &&str| line.contains('/') && line.contains(':') && !line.contains(char::is_whitespace);
    output.lines().map(str::trim).filter(is_image).map(str::to_owned).collect()
}

/// The pause image, which containerd has to be told so that it neither pulls another one nor collects this one as garbage.
pub fn sandbox(images: &[String]) -> Option<&str> {
    images.iter().map(String::as_str).find(|image| {
        let name = image.rsplit('/').next().unwrap_or_default();
        name.split([':', '@']).next() == Some("pause")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_image_is_found_among_the_others() {
        let output = "W1123 21:00:00 version.go:1] could not fetch a version: https://dl.k8s.io\n\
            registry.k8s.io/kube-apiserver:v1.36.5\nregistry.k8s.io/coredns/coredns:v1.14.2\n\
            mirror.lab:5000/k8s/pause:3.10.2\nregistry.k8s.io/etcd:3.6.8-1\n";
        let images = parse(output);
        assert_eq!(images.len(), 4);
        assert_eq!(sandbox(&images), Some("mirror.lab:5000/k8s/pause:3.10.2"));
        assert_eq!(sandbox(&[]), None);
    }
}
