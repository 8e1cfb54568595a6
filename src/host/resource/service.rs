//! A systemd service: enabled, running, and started after its configuration was written.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A systemd service that starts at boot.
#[derive(Clone, Debug)]
pub struct Service {
    name: String,
    running: bool,
    configuration: Vec<String>,
}

impl Service {
    /// Enabled and running.
    pub fn running(name: impl Into<String>) -> Self {
        Self { name: name.into(), running: true, configuration: Vec::new() }
    }

    /// Enabled; whether it runs is somebody else's business.
    pub fn enabled(name: impl Into<String>) -> Self {
        Self { name: name.into(), running: false, configuration: Vec::new() }
    }

    /// Restarted when one of these files is newer than the running process.
    #[must_use]
    pub fn configured_by(mut self, paths: &[&str]) -> Self {
        self.configuration = paths.iter().map(|path| (*path).to_owned()).collect();
        self
    }
}

impl Resource for Service {
    fn id(&self) -> String {
        format!("service {}", self.name)
    }

    /// Five lines: state, unit file state, age of the process and of the newest configuration file in seconds.
    fn probe(&self) -> String {
        let files: Vec<String> = self.configuration.iter().map(|path| quote(path)).collect();
        let show = format!(
            "systemctl show {} -p ActiveState -p UnitFileState -p ExecMainStartTimestampMonotonic",
            quote(&self.name)
        );
        if files.is_empty() {
            return show;
        }
        format!(
            "{show}\nread -r uptime _ </proc/uptime; echo \"Uptime=$uptime\"\n\
             echo \"Written=$(stat -c %.Y {} | sort -n | tail -n 1)\"\necho \"Now=$(date +%s.%N)\"",
            files.join(" ")
        )
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let value =
            |key: &str| seen.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default();
        let number = |key: &str| value(key).parse::<f64>().ok();
        let mut words = Vec::new();
        if value("UnitFileState") != "enabled" {
            words.push("enable");
        }
        if self.running && value("ActiveState") != "active" {
            words.push("start");
        } else if self.running {
            let age =
                number("Uptime").zip(number("ExecMainStartTimestampMonotonic")).map(|(up, start)| up - start / 1e6);
            let written = number("Now").zip(number("Written")).map(|(now, written)| now - written);
            // /proc/uptime counts hundredths of a second.
            if age.zip(written).is_some_and(|(age, written)| written + 0.05 < age) {
                words.push("restart (its configuration is newer)");
            }
        }
        (!words.is_empty()).then(|| Difference::new(format!("{}: {}", self.id(), words.join(", "))))
    }

    fn apply(&self) -> Script {
        let name = quote(&self.name);
        let start = if self.running { format!("\nsystemctl restart {name}") } else { String::new() };
        Script::new(format!("systemctl daemon-reload\nsystemctl enable --quiet {name}{start}"))
    }

    fn follows(&self) -> Vec<String> {
        self.configuration.iter().map(|path| format!("file {path}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(active: &str, start: f64, written: f64) -> String {
        format!(
            "ActiveState={active}\nUnitFileState=enabled\nExecMainStartTimestampMonotonic={}\nUptime=500.00\n\
             Written={written}\nNow=10000.0",
            start * 1e6
        )
    }

    #[test]
    fn a_service_restarts_when_its_configuration_is_newer_than_its_process() {
        let service = Service::running("containerd").configured_by(&["/etc/containerd/config.toml"]);
        assert_eq!(service.differ(&seen("active", 400.0, 9899.0)), None);
        let restart = service.differ(&seen("active", 400.0, 9901.0)).unwrap().summary;
        assert_eq!(restart, "service containerd: restart (its configuration is newer)");
        assert_eq!(service.differ(&seen("failed", 0.0, 9899.0)).unwrap().summary, "service containerd: start");
    }
}
