//! Compares the backends: `cargo run --release -p wasmill-state --example backends [KEYS] [VALUE-BYTES]
//! [DIRECTORY]`. Prints nanoseconds per key for batches of a thousand random keys, how long checkpoints take
//! after one row in a hundred has changed, and what memory the process takes.

#![expect(clippy::print_stdout, reason = "a measurement that a person starts")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use wasmill_actor::{CancelToken, Clock};
use wasmill_state::snapshot::FileKind;
use wasmill_state::{
    BackendChoice, Expiry, KeyedBackend, KeyedSnapshot, Opened, Opening, Options, OwnedGroups,
    RocksOptions, RocksPlace, SharedMemory, Source,
};
use wasmill_types::operator::{ChangeKind, Changes};
use wasmill_types::size::ByteSize;
use wasmill_types::{Blobs, BlobsView};

const BATCH: usize = 1_000;
const BATCHES: usize = 500;

struct Setting {
    keys: usize,
    value_bytes: usize,
    directory: PathBuf,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default| {
        args.next()
            .map_or(default, |arg| arg.parse().expect("a number"))
    };
    let (keys, value_bytes) = (number(1_000_000), number(8));
    let directory = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let setting = Setting {
        keys,
        value_bytes,
        directory: directory.join(format!("wasmill-backends-{}", std::process::id())),
    };
    println!("{keys} keys, values of {value_bytes} bytes");
    measure("memory", &setting, BackendChoice::Memory);
    let options = RocksOptions::default();
    let memory = SharedMemory::new(&options);
    let place = RocksPlace {
        directory: setting.directory.join("db"),
        memory: memory.clone(),
        options,
    };
    measure("rocksdb", &setting, BackendChoice::Rocks(place));
    println!(
        "rocksdb: {} MiB of {} in use",
        memory.used_bytes() >> 20,
        options.memory
    );
    drop(std::fs::remove_dir_all(&setting.directory));
}

fn measure(name: &str, setting: &Setting, backend: BackendChoice) {
    let mut random = SmallRng::seed_from_u64(1);
    let expiry = Expiry::new(Clock::system(), &[]);
    let opening = Opening {
        renumbered: Default::default(),
        groups: OwnedGroups::new(0, 1, 128),
        options: Options {
            max_bytes: ByteSize(64 << 30),
            max_disk_bytes: ByteSize(64 << 30),
            ..Options::default()
        },
        expiry: expiry.clone(),
        backend,
    };
    let mut opened = opening.clone().fresh().expect("the backend opens");
    let mut owned: Vec<u64> = (0..setting.keys as u64).collect();
    for i in (1..owned.len()).rev() {
        owned.swap(i, random.random_range(0..=i));
    }
    let start = now();
    for batch in owned.chunks(BATCH) {
        put(&mut *opened.backend, &columns(batch), setting, &mut random);
    }
    report(name, "insert", start.elapsed(), owned.len());
    let batches: Vec<Blobs> = (0..BATCHES)
        .map(|_| {
            let keys: Vec<u64> = (0..BATCH)
                .map(|_| random.random_range(0..setting.keys as u64))
                .collect();
            columns(&keys)
        })
        .collect();
    for pass in ["get", "get again"] {
        let start = now();
        for keys in &batches {
            let found = opened.backend.get(0, keys.view(), BlobsView::default());
            assert!(found.is_ok_and(|found| found.present.iter().all(|p| *p)));
        }
        report(name, pass, start.elapsed(), BATCHES * BATCH);
    }
    let start = now();
    for keys in &batches {
        put(&mut *opened.backend, keys, setting, &mut random);
    }
    report(name, "overwrite", start.elapsed(), BATCHES * BATCH);
    checkpoints(name, setting, &mut opened, &expiry, &mut random);
    let snapshot = take(&mut opened, 9, &expiry);
    drop(opened);
    let directory = setting.directory.join("saved");
    let source = save(&snapshot, &directory);
    drop(snapshot);
    let start = now();
    let restored = opening.restore(vec![source], &CancelToken::new());
    report_time(name, "restore", start.elapsed(), "");
    drop(restored.expect("the state is restored"));
    drop(std::fs::remove_dir_all(directory));
    println!(
        "{name:>8} {:>12}: {} MiB, {} at most",
        "resident",
        resident("VmRSS"),
        resident("VmHWM")
    );
}

fn checkpoints(
    name: &str,
    setting: &Setting,
    opened: &mut Opened,
    expiry: &Expiry,
    random: &mut SmallRng,
) {
    let mut known = Vec::new();
    for checkpoint in 1..=4 {
        let start = now();
        let snapshot = take(opened, checkpoint, expiry);
        let sync = start.elapsed();
        let start = now();
        let files = snapshot.native_files(&CancelToken::new()).expect("files");
        let (mut all, mut new) = (0, 0);
        for file in files.unwrap_or_default() {
            all += file.bytes;
            if file.kind == FileKind::Private || !known.contains(&file.name) {
                new += file.bytes;
            }
            known.push(file.name);
        }
        let more = format!(
            ", then {:.1} ms; {} KiB of which {} are new",
            start.elapsed().as_secs_f64() * 1e3,
            all >> 10,
            new >> 10
        );
        report_time(name, "checkpoint", sync, &more);
        drop(snapshot);
        for _ in 0..setting.keys / 100 / BATCH {
            let keys: Vec<u64> = (0..BATCH)
                .map(|_| random.random_range(0..setting.keys as u64))
                .collect();
            put(&mut *opened.backend, &columns(&keys), setting, random);
        }
    }
    let snapshot = take(opened, 5, expiry);
    let start = now();
    let mut stream = std::io::sink();
    let written = snapshot.write_canonical(&mut stream, &CancelToken::new());
    let written = written.expect("the stream takes it");
    let more = format!("; {} rows, {} KiB", written.rows, written.bytes >> 10);
    report_time(name, "canonical", start.elapsed(), &more);
}

fn take(opened: &mut Opened, checkpoint: u64, expiry: &Expiry) -> KeyedSnapshot {
    let (backend, timers) = (&mut *opened.backend, &mut opened.timers);
    KeyedSnapshot::take(checkpoint, backend, timers, expiry).expect("a snapshot is taken")
}

fn save(snapshot: &KeyedSnapshot, directory: &std::path::Path) -> Source {
    std::fs::create_dir_all(directory).expect("the directory is made");
    let files = snapshot.native_files(&CancelToken::new()).expect("files");
    let Some(files) = files else {
        let mut stream = Vec::new();
        let written = snapshot.write_canonical(&mut stream, &CancelToken::new());
        written.expect("the stream takes it");
        return Source::Canonical(Box::new(std::io::Cursor::new(stream)));
    };
    for file in files {
        std::fs::copy(&file.path, directory.join(file.name)).expect("the file is copied");
    }
    Source::Native(directory.to_owned())
}

fn put(backend: &mut dyn KeyedBackend, keys: &Blobs, setting: &Setting, random: &mut SmallRng) {
    let count = keys.ends.len();
    let mut value = vec![0; setting.value_bytes];
    let mut values = Blobs::default();
    for _ in 0..count {
        random.fill(&mut value[..]);
        values.push(&value);
    }
    let sub_keys: Blobs = (0..count).map(|_| &[][..]).collect();
    let changes = Changes {
        kinds: vec![ChangeKind::Put; count],
        keys: keys.view(),
        sub_keys: sub_keys.view(),
        values: values.view(),
    };
    backend.write(0, &changes).expect("the rows fit");
}

fn columns(keys: &[u64]) -> Blobs {
    let keys: Vec<_> = keys.iter().map(|key| key.to_be_bytes()).collect();
    keys.iter().map(|key| &key[..]).collect()
}

fn report(name: &str, operation: &str, time: Duration, count: usize) {
    let nanos = time.as_nanos() as f64 / count as f64;
    println!("{name:>8} {operation:>12}: {nanos:7.1} ns each of {count}");
}

fn report_time(name: &str, operation: &str, time: Duration, more: &str) {
    let millis = time.as_secs_f64() * 1e3;
    println!("{name:>8} {operation:>12}: {millis:7.1} ms{more}");
}

/// A figure of the process, in MiB.
fn resident(figure: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(figure));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or_default() >> 10
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement needs the machine's clock"
    )]
    Instant::now()
}
