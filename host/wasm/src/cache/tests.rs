//! Compiled code is found again, and nothing else is taken for it.

use std::time::Duration;

use super::*;

fn cache(dir: &Path) -> Cache {
    Cache::open(dir.to_path_buf(), &Engine::default(), &Clock::system()).unwrap()
}

#[test]
fn the_entries_that_were_not_used_for_longest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(dir.path());
    // Age in seconds before now, and whether it is one of ours.
    let files = [
        ("a.cwasm", 30),
        ("b.cwasm", 10),
        ("c.cwasm", 20),
        (".tmpleft", 40),
        ("notes.txt", 50),
    ];
    for (name, age) in files {
        let path = dir.path().join(name);
        fs::write(&path, [0; 100]).unwrap();
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 - age);
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(used)
            .unwrap();
    }
    for (allowed, left) in [
        (
            400,
            vec![".tmpleft", "a.cwasm", "b.cwasm", "c.cwasm", "notes.txt"],
        ),
        (399, vec!["a.cwasm", "b.cwasm", "c.cwasm", "notes.txt"]),
        (200, vec!["b.cwasm", "c.cwasm", "notes.txt"]),
        (0, vec!["notes.txt"]),
    ] {
        cache.evict(allowed).unwrap();
        let entries = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, left, "{allowed} bytes allowed");
    }
}

#[test]
fn use_makes_an_entry_young() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(5_000);
    let cache = Cache::open(dir.path().to_path_buf(), &Engine::default(), &clock).unwrap();
    let path = dir.path().join("a.cwasm");
    fs::write(&path, b"").unwrap();
    cache.touch(&path);
    let used = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(used, SystemTime::UNIX_EPOCH + Duration::from_secs(5));
}

#[test]
fn misses_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(dir.path());
    let engine = Engine::default();
    let path = dir.path().join("a.cwasm");
    let miss = |cache: &Cache| cache.load(&path, &engine).map(drop).unwrap_err();
    assert_eq!(miss(&cache), Miss::Absent);
    fs::write(&path, b"short").unwrap();
    assert_eq!(miss(&cache), Miss::Broken("it is cut short".to_owned()));
    fs::write(&path, [0; 100]).unwrap();
    assert_eq!(
        miss(&cache),
        Miss::Broken("its checksum is wrong".to_owned())
    );
    // Sound for the cache, and not for the sandbox: from another version, say.
    cache.store(&path, b"no code of ours").unwrap();
    assert!(matches!(miss(&cache), Miss::Broken(_)));
    let stranger = Cache {
        owner: cache.owner + 1,
        ..cache
    };
    assert!(matches!(miss(&stranger), Miss::Unsafe(_)));
}
