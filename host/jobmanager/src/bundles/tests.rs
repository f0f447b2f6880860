//! The bundle store on a real disk: what is kept, refused, swept and found again.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use std::collections::BTreeSet;

use super::upload::plain_name;
use super::*;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

fn open(dir: &Path) -> Bundles {
    Bundles::open(dir, 3, &BTreeSet::new(), Clock::manual(7)).unwrap()
}

async fn upload(bundles: &Bundles, bytes: &[u8], name: &str) -> Result<BundleView, BundleError> {
    let incoming = bundles.receive(bytes, 10).await?;
    bundles.keep(incoming, TenantId::default(), name).await
}

/// The files of the store, without the directories.
fn files(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for part in ["blobs", "entries", "incoming"] {
        for file in std::fs::read_dir(dir.join(part)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            files.push(format!("{part}/{name}"));
        }
    }
    files
}

#[test]
fn a_bundle_is_there_after_a_restart_until_it_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let tenant = TenantId::default();
        let bundles = open(dir.path());
        let kept = upload(&bundles, b"code", "../../etc/my job.wasm")
            .await
            .unwrap();
        assert_eq!(kept.name, "my_job.wasm");
        assert!(
            kept.id.ends_with("_my_job.wasm") && kept.id.len() == 36 + 12,
            "{}",
            kept.id
        );
        std::fs::write(dir.path().join("incoming/left"), "half").unwrap();
        std::fs::write(dir.path().join("blobs/left"), "half").unwrap();
        let again = open(dir.path());
        assert_eq!(again.list(&tenant).first(), Some(&kept));
        assert_eq!(files(dir.path()).len(), 2);
        let mut text = String::new();
        let mut blob = Blobs::open(&again, kept.digest).await.unwrap();
        blob.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), blob.length()), ("code", 4));
        let other: TenantId = "other".parse().unwrap();
        assert_eq!(again.list(&other), []);
        for (tenant, id) in [(&other, kept.id.as_str()), (&tenant, "../entries")] {
            let error = again.delete(tenant, id).unwrap_err().to_string();
            assert_eq!(error, format!("there is no bundle `{id}`"));
        }
        again.delete(&tenant, &kept.id).unwrap();
        assert_eq!(files(dir.path()), [""; 0]);
    });
}

#[test]
fn a_blob_stays_while_somebody_needs_it() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let tenant = TenantId::default();
        let bundles = open(dir.path());
        let one = upload(&bundles, b"same", "a.wasm").await.unwrap();
        let two = upload(&bundles, b"same", "b.wasm").await.unwrap();
        assert_eq!(files(dir.path()).len(), 3);
        bundles.delete(&tenant, &one.id).unwrap();
        assert_eq!(files(dir.path()).len(), 2);
        let (_, lease) = bundles.take(&tenant, &two.id).unwrap();
        bundles.delete(&tenant, &two.id).unwrap();
        assert!(lease.path().is_file());
        drop(lease);
        assert_eq!(files(dir.path()), [""; 0]);
    });
}

#[test]
fn an_upload_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let bundles = open(dir.path());
        for (bytes, expected) in [
            (&b""[..], "the bundle is empty"),
            (
                b"12345678901",
                "the bundle is larger than the limit of 10 bytes; make it smaller, or raise \
                 `wasm.bundle`",
            ),
        ] {
            let error = upload(&bundles, bytes, "a").await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let (reader, writer) = tokio::io::duplex(8);
        let clock = bundles.store.clock.clone();
        let pass_time = async {
            loop {
                clock.advance(Duration::from_secs(61));
                tokio::task::yield_now().await;
            }
        };
        let received = tokio::select! {
            received = bundles.receive(reader, 10) => received,
            () = pass_time => unreachable!("time passes without end"),
        };
        let error = received.unwrap_err().to_string();
        assert_eq!(
            error,
            "the upload did not come whole: nothing came within 60s"
        );
        drop(writer);
        drop(bundles.receive(&b"code"[..], 10).await.unwrap());
        assert_eq!(files(dir.path()), [""; 0]);
        for name in ["a", "b", "c"] {
            upload(&bundles, name.as_bytes(), name).await.unwrap();
        }
        let error = upload(&bundles, b"d", "d").await.unwrap_err().to_string();
        assert_eq!(
            error,
            "3 bundles are stored, which is the limit; delete some"
        );
    });
}

#[test]
fn names_of_users_are_made_harmless() {
    for (given, expected) in [
        ("job.wasm", "job.wasm"),
        ("C:\\dir\\job.wasm", "job.wasm"),
        ("..", "bundle.wasm"),
        ("", "bundle.wasm"),
        ("a/", "bundle.wasm"),
        ("mot\u{f6}r\u{0}\n.wasm", "mot_r__.wasm"),
    ] {
        assert_eq!(plain_name(given), expected, "{given:?}");
    }
    assert_eq!(plain_name(&"x".repeat(1000)).len(), 128);
}
