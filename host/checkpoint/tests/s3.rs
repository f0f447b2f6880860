//! Storage on a real S3 server, which the test builds and starts.
//!
//! The server (`tests/s3-server`) is a workspace of its own, so that its many dependencies are built only
//! here. It ends when its standard input does: with the test, however that ends.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use wasmill_actor::Clock;
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::handles::{FileHandle, Place};
use wasmill_checkpoint::storage::{Options, StorageError};

const BUCKET: &str = "checkpoints";

struct Server {
    process: Child,
    endpoint: String,
    _files: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/s3-server/Cargo.toml");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("s3-server");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--manifest-path"])
            .arg(manifest)
            .env("CARGO_TARGET_DIR", &target)
            .status()
            .unwrap();
        assert!(built.success(), "the S3 server is built");
        let files = tempfile::tempdir().unwrap();
        std::fs::create_dir(files.path().join(BUCKET)).unwrap();
        let mut process = Command::new(target.join("debug/s3-server"))
            .arg(files.path())
            .args(["key", "secret"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        let output = process.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut endpoint).unwrap();
        Self {
            process,
            endpoint: endpoint.trim().to_owned(),
            _files: files,
        }
    }

    fn storage(&self, secret: &str) -> Storage {
        let settings = [
            ("aws_endpoint", self.endpoint.as_str()),
            ("aws_access_key_id", "key"),
            ("aws_secret_access_key", secret),
            ("aws_region", "us-east-1"),
            ("aws_allow_http", "true"),
        ];
        let options = Options {
            attempts: 2,
            budget: Duration::from_secs(5),
            first_backoff: Duration::from_millis(10),
            request_timeout: Duration::from_secs(20),
            part_bytes: 5 << 20,
            settings: settings
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Options::default()
        };
        Storage::new(options, Clock::system())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn url(name: &str) -> String {
    format!("s3://{BUCKET}/{name}")
}

#[test]
fn checkpoints_are_kept_on_s3() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let storage = server.storage("secret");
        small_and_large_files(&storage).await;
        missing_files(&storage).await;
        metadata(&storage).await;
        directories(&storage).await;
        wrong_secret(&server).await;
        gone(server).await;
    });
}

async fn small_and_large_files(storage: &Storage) {
    storage.probe(&url("job")).await.unwrap();
    for size in [0, 1, 5 << 20, (5 << 20) + 1, 13 << 20] {
        let content: Vec<u8> = (0..size).map(|index| (index % 253) as u8).collect();
        let mut writer = storage.writer(&url("job/chk-1/f")).unwrap();
        for piece in content.chunks(1 << 20) {
            writer.write(piece).await.unwrap();
        }
        let written = writer.finish().await.unwrap();
        let handle = FileHandle {
            place: Place::Own("f".to_owned()),
            size: written.size,
            checksum: written.checksum,
        };
        assert_eq!(written.size, size as u64);
        let read = storage.read(&handle, &url("job/chk-1")).await.unwrap();
        assert!(read == content, "{size} bytes read back");
    }
    let mut unfinished = storage.writer(&url("job/chk-1/g")).unwrap();
    unfinished.write(&vec![0; 11 << 20]).await.unwrap();
    assert_eq!(storage.size(&url("job/chk-1/g")).await.unwrap(), None);
    unfinished.abort().await;
}

async fn missing_files(storage: &Storage) {
    let handle = FileHandle {
        place: Place::Own("nothing".to_owned()),
        size: 1,
        checksum: 0,
    };
    let error = storage
        .read(&handle, &url("job"))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, format!("`{}` does not exist", url("job/nothing")));
    storage.delete(&url("job/nothing")).await.unwrap();
}

async fn metadata(storage: &Storage) {
    let metadata = wasmill_checkpoint::Metadata {
        job: wasmill_types::id::JobId(1),
        checkpoint: wasmill_checkpoint::CheckpointId(1),
        kind: wasmill_checkpoint::barrier::SnapshotKind::Checkpoint,
        triggered_ms: 0,
        self_contained: false,
        operators: Vec::new(),
        tenant: wasmill_types::id::TenantId::default(),
    };
    let directory = url("job/chk-1");
    storage.write_metadata(&directory, &metadata).await.unwrap();
    storage.write_metadata(&directory, &metadata).await.unwrap();
    let found = storage.read_metadata(&directory).await.unwrap();
    assert_eq!(found, (directory.clone(), metadata));
    storage.dispose(&directory).await.unwrap();
    let gone = storage.read_metadata(&directory).await;
    assert!(matches!(gone, Err(StorageError::NoSnapshot { .. })));
}

async fn directories(storage: &Storage) {
    for index in 0..30 {
        let file = url(&format!("job/shared/f{index}"));
        storage
            .write(&file, Bytes::from_static(b"x"))
            .await
            .unwrap();
    }
    assert_eq!(storage.list(&url("job/shared")).await.unwrap().len(), 30);
    storage.delete_directory(&url("job")).await.unwrap();
    assert_eq!(storage.list(&url("job")).await.unwrap(), []);
    storage.delete_directory(&url("job")).await.unwrap();
}

async fn wrong_secret(server: &Server) {
    let error = server
        .storage("wrong")
        .probe(&url("job"))
        .await
        .unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
}

async fn gone(server: Server) {
    let storage = server.storage("secret");
    drop(server);
    let error = storage
        .write(&url("f"), Bytes::from_static(b"x"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StorageError::Failed { attempts: 2, .. }),
        "{error:?}"
    );
}
