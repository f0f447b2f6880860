//! Storage on the real local file system; what clouds add is in `tests/s3.rs`.

use std::fs;
use std::path::Path;

use super::*;
use crate::CheckpointId;
use crate::layout::{JobDirectory, METADATA};
use crate::metadata::fixture;

/// Runs with storage that uploads in parts of 1000 bytes, and a fresh directory.
fn run<T>(test: impl AsyncFnOnce(Storage, &Path) -> T) -> T {
    let options = Options {
        attempts: 2,
        first_backoff: Duration::from_millis(1),
        part_bytes: 1_000,
        ..Options::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let storage = Storage::new(options, Clock::system());
    runtime.block_on(test(storage, directory.path()))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

async fn own(storage: &Storage, directory: &str, name: &str, count: usize) -> FileHandle {
    let mut writer = storage.writer(&format!("{directory}/{name}")).unwrap();
    for piece in bytes(count).chunks(300) {
        writer.write(piece).await.unwrap();
    }
    let written = writer.finish().await.unwrap();
    FileHandle {
        place: Place::Own(name.to_owned()),
        size: written.size,
        checksum: written.checksum,
    }
}

#[test]
fn files_of_every_size_read_back_as_they_were_written() {
    run(async |storage, directory| {
        let directory = text(directory);
        for count in [0, 1, 999, 1_000, 1_001, 2_000, 12_345] {
            let handle = own(&storage, &directory, &format!("f{count}"), count).await;
            assert_eq!(handle.checksum, xxh3_64(&bytes(count)));
            let read = storage.read(&handle, &directory).await.unwrap();
            assert_eq!(read, bytes(count), "{count}");
            let copy = format!("{directory}/copy");
            storage
                .download(&handle, &directory, Path::new(&copy))
                .await
                .unwrap();
            assert_eq!(fs::read(copy).unwrap(), bytes(count), "{count}");
        }
    });
}

#[test]
fn urls_of_local_files_and_paths_are_the_same_place() {
    run(async |storage, directory| {
        let directory = text(directory);
        let url = format!("file://{directory}/a/b");
        storage.write(&url, Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(
            storage.size(&format!("{directory}/a/b")).await.unwrap(),
            Some(1)
        );
        assert_eq!(
            storage.size(&format!("{directory}/a/c")).await.unwrap(),
            None
        );
        storage.probe(&directory).await.unwrap();
        let listed = storage.list(&directory).await.unwrap();
        let expected = Entry {
            url: format!("{directory}/a/b"),
            size: 1,
        };
        assert_eq!(listed, [expected]);
    });
}

#[test]
fn small_content_stays_in_the_handle() {
    run(async |storage, directory| {
        let directory = text(directory);
        let place = || Place::Own("f".to_owned());
        for (count, inline) in [(10, true), (20 << 10, true), ((20 << 10) + 1, false)] {
            let content = Bytes::from(bytes(count));
            let handle = storage
                .write_handle(&directory, place(), content.clone())
                .await
                .unwrap();
            assert_eq!(matches!(handle.place, Place::Inline(_)), inline);
            assert_eq!(storage.read(&handle, &directory).await.unwrap(), content);
            let part = storage.read_range(&handle, &directory, 2..7).await.unwrap();
            assert_eq!(part, content.slice(2..7));
        }
    });
}

#[test]
fn a_file_is_not_visible_before_it_is_finished() {
    run(async |storage, directory| {
        let directory = text(directory);
        let url = format!("{directory}/f");
        let mut writer = storage.writer(&url).unwrap();
        writer.write(&bytes(5_000)).await.unwrap();
        assert_eq!(storage.size(&url).await.unwrap(), None);
        assert_eq!(storage.list(&directory).await.unwrap(), []);
        writer.abort().await;
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            0,
            "nothing is left behind"
        );
        let mut writer = storage.writer(&url).unwrap();
        writer.write(&bytes(5_000)).await.unwrap();
        drop(writer);
        assert_eq!(storage.size(&url).await.unwrap(), None);
        storage.delete_directory(&directory).await.unwrap();
        assert!(
            !Path::new(&directory).exists(),
            "unfinished files go with their directory"
        );
    });
}

#[test]
fn truncated_changed_and_missing_files_are_named() {
    run(async |storage, directory| {
        let directory = text(directory);
        let path = format!("{directory}/f");
        let handle = own(&storage, &directory, "f", 3_000).await;
        let damage = async |content: Option<Vec<u8>>| {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let read = storage
                .read(&handle, &directory)
                .await
                .unwrap_err()
                .to_string();
            let to = format!("{directory}/copy");
            let copied = storage.download(&handle, &directory, Path::new(&to)).await;
            (read, copied.map_err(|error| error.to_string()))
        };
        let mut flipped = bytes(3_000);
        flipped[1_234] ^= 1;
        let (read, copied) = damage(Some(flipped)).await;
        assert!(
            read.starts_with(&format!("`{path}` is corrupted: its checksum is")),
            "{read}"
        );
        assert_eq!(Err(read), copied);
        let (read, copied) = damage(Some(bytes(2_999))).await;
        assert_eq!(
            read,
            format!("`{path}` is truncated: 2999 bytes of 3000 are there")
        );
        assert_eq!(Err(read), copied);
        // A copy is of the bytes that the handle tells of, and these are right.
        let (read, copied) = damage(Some(bytes(3_001))).await;
        assert_eq!(copied, Ok(()));
        assert!(
            read.starts_with(&format!("`{path}` is corrupted")),
            "{read}"
        );
        let (read, copied) = damage(None).await;
        assert_eq!(read, format!("`{path}` does not exist"));
        assert_eq!(Err(read), copied);
    });
}

#[test]
fn concurrent_writers_of_one_file_leave_one_of_theirs_whole() {
    run(async |storage, directory| {
        let url = format!("{}/f", text(directory));
        let write = async |byte: u8| {
            let mut writer = storage.writer(&url).unwrap();
            for _ in 0..5 {
                writer.write(&[byte; 700]).await.unwrap();
                tokio::task::yield_now().await;
            }
            writer.finish().await.unwrap();
        };
        futures_util::future::join_all((0..8).map(write)).await;
        let content = fs::read(&url).unwrap();
        assert_eq!(content, vec![content[0]; 3_500]);
        assert_eq!(fs::read_dir(directory).unwrap().count(), 1);
    });
}

#[test]
fn a_full_device_is_an_error_that_says_so_and_is_not_tried_again() {
    let full = std::io::Error::from_raw_os_error(28);
    let error = object_store::Error::Generic {
        store: "test",
        source: Box::new(full),
    };
    assert_eq!(error::verdict(&error), error::Verdict::GiveUp);
    let error = StorageError::of("write", "/c/f", 1, error).to_string();
    assert_eq!(
        error,
        "write `/c/f`: no space left; free some, or configure another directory"
    );
    // The system's own word for it.
    run(async |storage, _| {
        let handle = FileHandle::inline(vec![0; 10]);
        let copied = storage
            .download(&handle, "/", Path::new("/dev/full"))
            .await
            .unwrap_err();
        assert!(matches!(copied, StorageError::Full { .. }), "{copied}");
    });
}

#[test]
fn what_stands_in_the_way_is_an_error_at_once() {
    run(async |storage, directory| {
        let file = format!("{}/f", text(directory));
        fs::write(&file, b"x").unwrap();
        let below = format!("{file}/g");
        let error = storage
            .write(&below, Bytes::from_static(b"x"))
            .await
            .unwrap_err();
        let named = format!("write `{below}` failed");
        assert!(error.to_string().starts_with(&named), "{error}");
    });
}

#[test]
fn metadata_is_written_once_and_found_by_directory_or_file() {
    run(async |storage, directory| {
        let directory = format!("{}/chk-7", text(directory));
        let metadata = fixture::checkpoint();
        let size = storage.write_metadata(&directory, &metadata).await.unwrap();
        assert_eq!(size, metadata.encode().len() as u64);
        // The answer was lost and it is written again; then another JobMaster tries.
        assert_eq!(
            storage.write_metadata(&directory, &metadata).await.unwrap(),
            size
        );
        let other = storage
            .write_metadata(&directory, &fixture::savepoint())
            .await;
        assert!(matches!(other, Err(StorageError::Exists { .. })));
        for path in [
            directory.clone(),
            format!("{directory}/"),
            format!("{directory}/{METADATA}"),
        ] {
            let found = storage.read_metadata(&path).await.unwrap();
            assert_eq!(found, (directory.clone(), metadata.clone()));
        }
    });
}

#[test]
fn an_unknown_savepoint_path_is_an_error() {
    run(async |storage, directory| {
        let path = format!("{}/savepoint-1", text(directory));
        let error = storage.read_metadata(&path).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{path}` is not a checkpoint or savepoint")),
            "{error}"
        );
        fs::create_dir(&path).unwrap();
        fs::write(format!("{path}/precious"), b"x").unwrap();
        assert!(storage.dispose(&path).await.is_err());
        fs::write(format!("{path}/{METADATA}"), b"something else").unwrap();
        assert!(storage.dispose(&path).await.is_err());
        assert!(
            Path::new(&path).join("precious").exists(),
            "nothing else is ever deleted"
        );
    });
}

#[test]
fn a_damaged_checkpoint_is_found_with_its_error_beside_the_older_ones() {
    run(async |storage, directory| {
        let job = JobDirectory::new(&text(directory), wasmill_types::id::JobId(1));
        for id in [2, 10, 9] {
            let mut metadata = fixture::checkpoint();
            metadata.checkpoint = CheckpointId(id);
            storage
                .write_metadata(&job.checkpoint(CheckpointId(id)), &metadata)
                .await
                .unwrap();
        }
        fs::create_dir(job.checkpoint(CheckpointId(11))).unwrap();
        let newest = format!("{}/{METADATA}", job.checkpoint(CheckpointId(10)));
        let mut content = fs::read(&newest).unwrap();
        content[60] ^= 1;
        fs::write(&newest, content).unwrap();
        let found = storage.checkpoints(&job).await.unwrap();
        let found: Vec<_> = found.iter().map(|f| (f.id.0, f.metadata.is_ok())).collect();
        assert_eq!(found, [(10, false), (9, true), (2, true)]);
    });
}

#[test]
fn files_of_a_snapshot_are_checked_and_disposed() {
    run(async |storage, directory| {
        let directory = format!("{}/savepoint-1", text(directory));
        let mut metadata = fixture::savepoint();
        storage.write_metadata(&directory, &metadata).await.unwrap();
        let missing = storage
            .check_files(&directory, &metadata)
            .await
            .unwrap_err();
        assert!(matches!(missing, StorageError::NotFound { .. }));
        for (name, count) in [("rows", 640), ("staged", 5), ("frames", 100)] {
            own(&storage, &directory, name, count).await;
        }
        storage.check_files(&directory, &metadata).await.unwrap();
        // A savepoint may be moved.
        let moved = format!("{directory}-moved");
        fs::rename(&directory, &moved).unwrap();
        storage.check_files(&moved, &metadata).await.unwrap();
        metadata.make_absolute(&moved);
        storage.check_files("/elsewhere", &metadata).await.unwrap();
        storage.dispose(&moved).await.unwrap();
        assert!(!Path::new(&moved).exists());
    });
}

#[test]
fn deleting_what_is_not_there_is_no_error() {
    run(async |storage, directory| {
        let directory = text(directory);
        storage.delete(&format!("{directory}/x")).await.unwrap();
        storage
            .delete_directory(&format!("{directory}/x"))
            .await
            .unwrap();
        let files: Vec<_> = (0..50)
            .map(|index| format!("{directory}/f{index}"))
            .collect();
        for file in &files[..40] {
            fs::write(file, b"x").unwrap();
        }
        storage.delete_files(&files).await.unwrap();
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
    });
}

#[test]
fn settings_that_nobody_knows_are_refused() {
    let mut options = Options::default();
    options
        .settings
        .insert("aws_endpont".to_owned(), "x".to_owned());
    let storage = Storage::new(options, Clock::manual(0));
    let error = storage.writer("s3://bucket/x").unwrap_err().to_string();
    assert_eq!(
        error,
        "`checkpoint.storage.settings` has `aws_endpont`, which no storage knows"
    );
}

#[test]
fn every_cloud_can_be_named() {
    let mut options = Options::default();
    for (key, value) in [
        ("aws_region", "eu-central-1"),
        ("azure_storage_account_name", "account"),
        ("azure_skip_signature", "true"),
        ("google_skip_signature", "true"),
    ] {
        options.settings.insert(key.to_owned(), value.to_owned());
    }
    let storage = Storage::new(options, Clock::manual(0));
    for url in ["s3://bucket/x", "gs://bucket/x", "az://container/x"] {
        storage.writer(url).map(drop).unwrap();
    }
}

#[test]
fn a_sweep_leaves_only_what_kept_checkpoints_refer_to() {
    // However the directory is spelled.
    sweeps("");
    sweeps("file://");
}

fn sweeps(scheme: &'static str) {
    run(async move |storage, directory| {
        let path = format!("{scheme}{}", text(directory));
        let job = JobDirectory::new(&path, wasmill_types::id::JobId(1));
        let kept = job.checkpoint(CheckpointId(7));
        let metadata = fixture::checkpoint();
        storage.write_metadata(&kept, &metadata).await.unwrap();
        let inside = |place: &str, name: &str| crate::layout::join(place, name);
        let needed = [
            inside(&kept, "rows"),
            inside(&kept, "m"),
            inside(&job.shared(), "f00d"),
            inside(&job.task_owned(), "log"),
            inside(&kept, METADATA),
        ];
        let stray = [
            inside(&kept, "stray"),
            inside(&job.shared(), "dead"),
            inside(&job.checkpoint(CheckpointId(8)), "rows"),
        ];
        for url in needed
            .iter()
            .filter(|url| !url.ends_with(METADATA))
            .chain(&stray)
        {
            storage.write(url, Bytes::from_static(b"x")).await.unwrap();
        }
        let completed = crate::coordinator::Completed::new(kept.clone(), metadata);
        assert_eq!(
            storage.sweep(&job, &[completed]).await.unwrap(),
            stray.len()
        );
        for url in &needed {
            assert!(storage.size(url).await.unwrap().is_some(), "{url}");
        }
        let files = [needed[0].clone(), needed[2].clone()];
        storage.clean_up(&files, Some(&kept)).await.unwrap();
        assert_eq!(
            storage.list(job.path()).await.unwrap().len(),
            1,
            "what a task owns stays"
        );
    });
}
