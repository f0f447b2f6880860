//! What a TaskManager says of its machine, and its own name.

use std::fs;
use std::path::Path;

use wasmill_actor::Rng;
use wasmill_rpc::protocol::Hardware;
use wasmill_types::id::TaskManagerId;

use crate::failure::Failure;
use crate::settings::cores;

/// The file that keeps a name that was made.
const NAME_FILE: &str = "name";

/// The name that was chosen, or the one that was made at the first start with this data directory.
pub(super) fn name(chosen: &str, data_dir: &Path) -> Result<TaskManagerId, Failure> {
    if !chosen.is_empty() {
        return chosen
            .parse()
            .map_err(|error| Failure::unusable(format!("{error}")));
    }
    let path = data_dir.join(NAME_FILE);
    let kept = fs::read_to_string(&path).ok();
    if let Some(name) = kept.and_then(|text| text.trim().parse().ok()) {
        return Ok(name);
    }
    let fine = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '-'
        }
    };
    let host: String = host().chars().take(40).map(fine).collect();
    let made = format!("{host}-{:08x}", Rng::from_entropy().next_u64() as u32);
    let kept = fs::write(&path, &made);
    kept.map_err(|error| Failure::failed(format!("write `{}`: {error}", path.display())))?;
    made.parse()
        .map_err(|error| Failure::failed(format!("{error}")))
}

/// The name of this host.
pub(super) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// The machine.
pub(super) fn hardware() -> Hardware {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Hardware {
        cpu_cores: cores(),
        physical_memory: total_kib(&memory).unwrap_or(0) * 1024,
    }
}

/// The total of Linux's `/proc/meminfo`.
fn total_kib(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_once_for_each_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        let made = name("", dir.path()).unwrap();
        assert_eq!(name("", dir.path()), Ok(made));
        assert_eq!(name("tm-7", dir.path()), Ok("tm-7".parse().unwrap()));
        assert!(name("a b", dir.path()).is_err());
    }

    #[test]
    fn the_machines_memory_is_found() {
        assert_eq!(
            total_kib("MemTotal:       24662484 kB\nMemFree: 1 kB"),
            Some(24_662_484)
        );
        assert_eq!(total_kib("MemFree: 1 kB"), None);
    }
}
