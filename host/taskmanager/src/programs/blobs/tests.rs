//! What is kept, what is found, and what goes.

use tempfile::TempDir;

use super::*;
use crate::fixture::run;

fn blobs(directory: &TempDir, max_all: u64) -> Blobs {
    let path = directory.path().join("blobs");
    Blobs::open(path, 100, max_all, Clock::system()).unwrap()
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

fn stream(bytes: &[u8]) -> Bytes {
    Box::pin(io::Cursor::new(bytes.to_vec()))
}

#[test]
fn what_was_stored_is_found_until_it_is_broken() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let blobs = blobs(&directory, 1_000);
        let digest = digest_of(b"bundle");
        assert_eq!(blobs.find(digest).await.unwrap(), None);
        let path = blobs.store(digest, stream(b"bundle")).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"bundle");
        assert_eq!(blobs.find(digest).await.unwrap(), Some(path.clone()));
        fs::write(&path, b"bungle").unwrap();
        assert_eq!(blobs.find(digest).await.unwrap(), None);
        assert!(!path.exists(), "a broken file is removed");
    });
}

#[test]
fn what_is_not_what_it_should_be_is_not_kept() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let blobs = blobs(&directory, 1_000);
        for (wanted, came, told) in [
            (
                &b"a"[..],
                vec![b'b'],
                "what came has the digest 3e23e8160039594a33",
            ),
            (b"a", vec![b'a'; 101], "it is larger than 100 bytes"),
        ] {
            let refused = blobs.store(digest_of(wanted), stream(&came)).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.starts_with(told), "{refused}");
            let left = fs::read_dir(directory.path().join("blobs"))
                .unwrap()
                .count();
            assert_eq!(left, 0, "{told}");
        }
    });
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        let blobs = blobs(&directory, 150);
        let bytes: Vec<Vec<u8>> = (0..3).map(|number| vec![number; 60]).collect();
        let digests: Vec<Digest> = bytes.iter().map(|bytes| digest_of(bytes)).collect();
        for (age, (digest, bytes)) in digests.iter().zip(&bytes).take(2).enumerate() {
            let path = blobs.store(*digest, stream(bytes)).await.unwrap();
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64);
            File::open(path).unwrap().set_modified(used).unwrap();
        }
        // Finding it is using it.
        assert!(blobs.find(digests[0]).await.unwrap().is_some());
        blobs.store(digests[2], stream(&bytes[2])).await.unwrap();
        let mut found = Vec::new();
        for digest in &digests {
            found.push(blobs.find(*digest).await.unwrap().is_some());
        }
        assert_eq!(found, [true, false, true]);
    });
}
