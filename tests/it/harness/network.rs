//! Hosts on one machine: network namespaces at a bridge, and the loss of packets between two of them.
//!
//! Made with `ip` of iproute2, as root. The bridge is in a namespace of its own, so that the machine's own
//! rules for packets do not touch it; the test itself is at the address [`Network::outside`]. Invariants:
//! nothing of a network outlives its test, and what a killed test left behind the next one removes; no two
//! have a name in common.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

/// What all namespaces and devices begin with; a process and a host follow.
const PREFIX: &str = "wmt";
/// How many networks of this machine may have addresses at a time: each has 256 of 198.18.0.0/15, which is
/// for tests of networks.
const SUBNETS: u32 = 512;
/// The test's own address, as the last number.
const OUTSIDE: u8 = 254;
/// A card that nobody has: what is sent there is lost on the way.
const NOBODY: &str = "02:00:00:00:00:ff";

/// Hosts that reach each other.
#[derive(Debug)]
pub(crate) struct Network {
    /// The beginning of all its names.
    name: String,
    subnet: [u8; 3],
    hosts: Vec<String>,
}

impl Network {
    /// A network of only the test itself.
    pub(crate) fn new() -> Self {
        /// How many this process has made: with `cargo test` all tests are in one.
        static MADE: AtomicU32 = AtomicU32::new(0);

        remove_what_is_left();
        let (process, number) = (process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        // Tests that run at the same time have numbers of processes that are near each other.
        let subnet = (process + number) % SUBNETS;
        let mut network = Self {
            name: format!("{PREFIX}{process}x{number}"),
            subnet: [198, 18 + (subnet / 256) as u8, (subnet % 256) as u8],
            hosts: Vec::new(),
        };
        let switch = network.add_namespace("switch");
        ip(&["-n", &switch, "link", "add", "bridge", "type", "bridge"]);
        ip(&["-n", &switch, "link", "set", "bridge", "up"]);
        let device = network.name.clone();
        network.plug(OUTSIDE, &device, &process.to_string());
        let address = format!("{}/24", network.address(OUTSIDE));
        ip(&["address", "add", &address, "dev", &device]);
        ip(&["link", "set", &device, "up"]);
        network
    }

    /// Adds a host; its address.
    pub(crate) fn add(&mut self, host: &str) -> Ipv4Addr {
        let namespace = self.add_namespace(host);
        let number = self.number(host);
        self.plug(number, "eth0", &namespace);
        let address = self.address(number);
        let with_mask = format!("{address}/24");
        let of_host = ["-n", namespace.as_str()];
        for command in [
            &["address", "add", &with_mask, "dev", "eth0"][..],
            &["link", "set", "eth0", "up"],
            &["link", "set", "lo", "up"],
        ] {
            ip(&[&of_host, command].concat());
        }
        address
    }

    /// What runs a program on a host: its path and arguments are to follow.
    pub(crate) fn on(&self, host: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host)]);
        command
    }

    /// What one host sends to the other is lost from now on, without a word to the sender.
    pub(crate) fn cut(&self, from: &str, to: &str) {
        let address = self.address(self.number(to)).to_string();
        let lost = ["lladdr", NOBODY, "dev", "eth0", "nud", "permanent"];
        let begin = ["-n", &self.namespace(from), "neigh", "replace", &address];
        ip(&[&begin[..], &lost].concat());
    }

    /// What one host sends to the other arrives again.
    pub(crate) fn mend(&self, from: &str, to: &str) {
        let address = self.address(self.number(to)).to_string();
        let namespace = self.namespace(from);
        ip(&["-n", &namespace, "neigh", "del", &address, "dev", "eth0"]);
    }

    /// Neither of two hosts hears the other.
    pub(crate) fn part(&self, one: &str, other: &str) {
        self.cut(one, other);
        self.cut(other, one);
    }

    /// Both hear each other again.
    pub(crate) fn join(&self, one: &str, other: &str) {
        self.mend(one, other);
        self.mend(other, one);
    }

    /// A cable between the bridge and a device of this name elsewhere.
    fn plug(&self, number: u8, device: &str, namespace: &str) {
        let (switch, port) = (self.namespace("switch"), format!("port{number}"));
        let add = ["-n", &switch, "link", "add", &port, "type", "veth", "peer"];
        let peer = ["name", device, "netns", namespace];
        ip(&[&add[..], &peer].concat());
        ip(&[
            "-n", &switch, "link", "set", &port, "master", "bridge", "up",
        ]);
    }

    fn add_namespace(&mut self, host: &str) -> String {
        let namespace = self.namespace(host);
        ip(&["netns", "add", &namespace]);
        self.hosts.push(host.to_owned());
        namespace
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }

    /// A host's number: the switch is the first.
    fn number(&self, host: &str) -> u8 {
        let found = self.hosts.iter().position(|other| other == host);
        let number = found.unwrap_or_else(|| panic!("there is no host `{host}`"));
        u8::try_from(number).expect("a test has few hosts")
    }

    fn address(&self, number: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, number)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes the networks of processes that are no more.
fn remove_what_is_left() {
    for namespace in namespaces() {
        let Some((name, _)) = namespace.split_once('-') else {
            continue;
        };
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('x'));
        let process = process.and_then(|(process, _)| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            remove(name);
        }
    }
}

/// Removes the namespaces of a network, and with them the cables that end there.
fn remove(name: &str) {
    for namespace in namespaces() {
        if namespace
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('-'))
        {
            // Another test may be doing the same.
            let _ = Command::new("ip")
                .args(["netns", "del", &namespace])
                .output();
        }
    }
}

/// The names of all namespaces of this machine.
fn namespaces() -> Vec<String> {
    let listed = Command::new("ip").args(["netns", "list"]).output();
    let text = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

/// Runs `ip`.
fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output();
    let failed = match output {
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    panic!(
        "`ip {}`: {}\nthis test makes network namespaces: run it as root, with iproute2 (`scripts/setup.sh \
         --test` installs it), or leave it out: cargo nextest run --workspace -E 'not test(cluster::network)'",
        args.join(" "),
        failed.trim()
    );
}
