//! How each kind of storage is reached.
//!
//! Invariant: retries are ours alone; the clients try once, so that the budget holds.

use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::place::{Kind, Located, Named};
use super::{Options, StorageError};

/// How long a connection to a cloud may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An open storage.
#[derive(Debug)]
pub(super) enum Backend {
    /// The local file system.
    Local(LocalFileSystem),
    /// A bucket.
    Cloud(Arc<dyn Cloud>),
}

/// What all clouds can do.
pub(super) trait Cloud: ObjectStore + MultipartStore {
    fn as_store(&self) -> &dyn ObjectStore;
}

impl<T: ObjectStore + MultipartStore> Cloud for T {
    fn as_store(&self) -> &dyn ObjectStore {
        self
    }
}

macro_rules! build {
    ($builder:ty, $named:expr, $options:expr) => {{
        let root = &$named.root;
        let mut builder = <$builder>::from_env()
            .with_url(root.clone())
            .with_client_options(client($options))
            .with_retry(no_retries());
        for (key, value) in &$options.settings {
            if let Ok(parsed) = key.to_ascii_lowercase().parse() {
                builder = builder.with_config(parsed, value);
            }
        }
        let store = builder.build().map_err(|source| StorageError::Setup {
            url: root.clone(),
            source: Box::new(source),
        })?;
        let store: Arc<dyn Cloud> = Arc::new(store);
        Ok(Self::Cloud(store))
    }};
}

impl Backend {
    /// Opens the storage that a URL names; connects to nothing yet.
    pub(super) fn open(named: &Named, options: &Options) -> Result<Self, StorageError> {
        check_settings(options)?;
        install_tls();
        match named.kind {
            Kind::Local => Ok(Self::Local(LocalFileSystem::new().with_fsync(true))),
            Kind::S3 => build!(AmazonS3Builder, named, options),
            Kind::Google => build!(GoogleCloudStorageBuilder, named, options),
            Kind::Azure => build!(MicrosoftAzureBuilder, named, options),
        }
    }

    pub(super) fn store(&self) -> &dyn ObjectStore {
        match self {
            Self::Local(store) => store,
            Self::Cloud(store) => store.as_store(),
        }
    }

    /// Deletes everything below a path.
    pub(super) async fn delete_directory(&self, located: &Located) -> object_store::Result<()> {
        match self {
            Self::Local(store) => {
                let path = store.path_to_filesystem(&located.path)?;
                // At once, so that unfinished files, which a listing does not show, go too.
                match tokio::fs::remove_dir_all(path).await {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(object_store::Error::Generic {
                            store: "LocalFileSystem",
                            source: Box::new(error),
                        })
                    }
                    Ok(()) | Err(_) => Ok(()),
                }
            }
            Self::Cloud(store) => {
                let store = store.as_store();
                let files = store.list(Some(&located.path)).map_ok(|meta| meta.location);
                let mut deleted = store.delete_stream(files.boxed());
                while let Some(result) = deleted.next().await {
                    match result {
                        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        }
    }
}

/// A setting that none of the clouds knows is a mistake.
fn check_settings(options: &Options) -> Result<(), StorageError> {
    use object_store::aws::AmazonS3ConfigKey;
    use object_store::azure::AzureConfigKey;
    use object_store::gcp::GoogleConfigKey;
    for key in options.settings.keys() {
        let lower = key.to_ascii_lowercase();
        let known = lower.parse::<AmazonS3ConfigKey>().is_ok()
            || lower.parse::<AzureConfigKey>().is_ok()
            || lower.parse::<GoogleConfigKey>().is_ok();
        if !known {
            return Err(StorageError::Setting { key: key.clone() });
        }
    }
    Ok(())
}

fn client(options: &Options) -> ClientOptions {
    ClientOptions::new()
        .with_timeout(options.request_timeout)
        .with_connect_timeout(CONNECT_TIMEOUT)
}

fn no_retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 0,
        retry_timeout: Duration::ZERO,
    }
}

/// Names the cryptography for TLS, which the HTTP client leaves open.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Refused when the process has named one, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}
