//! Where bundles come from, and how often. What is in them the sandbox tests.

use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest as _, Sha256};
use wasmill_actor::Clock;
use wasmill_network::identity::Node;
use wasmill_rpc::blob::Opening;
use wasmill_rpc::protocol::ToJobManager;
use wasmill_rpc::{Blob, Caller, Gateway, Handler, Handling, Refusal, Services};
use wasmill_wasm::EngineOptions;

use super::*;
use crate::fixture::run;

/// The smallest component; it is no bundle.
const COMPONENT: &[u8] = &[0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];

/// Has one blob, and counts who opens it.
struct Store {
    bytes: Option<&'static [u8]>,
    opened: AtomicU32,
}

impl wasmill_rpc::Blobs for Store {
    fn open(&self, digest: Digest) -> Opening {
        self.opened.fetch_add(1, Ordering::AcqRel);
        let bytes = self.bytes;
        Box::pin(async move {
            let bytes = bytes.ok_or_else(|| Refusal(format!("there is no blob {digest}")))?;
            let stream = Box::pin(std::io::Cursor::new(bytes));
            Ok(Blob::new(bytes.len() as u64, stream))
        })
    }
}

struct Silent;

impl Handler<ToJobManager> for Silent {
    fn handle(&self, _: ToJobManager, _: Caller) -> Handling {
        Box::pin(std::future::pending())
    }
}

/// Compiles nothing, and counts.
#[derive(Default)]
struct Idle(AtomicU32);

impl Compiler for Idle {
    fn compile(&self, _: PathBuf) -> Going<Result<(), String>> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Box::pin(std::future::ready(Ok(())))
    }
}

#[test]
fn a_bundle_is_fetched_once_and_what_is_wrong_with_it_is_told() {
    run(async {
        let digest = Digest(Sha256::digest(COMPONENT).into());
        for (bytes, told, opened) in [
            (Some(COMPONENT), "use bundle", 1),
            (Some(b"other"), "what came has the digest", 2),
            (None, "there is no blob", 2),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let blobs = Blobs::open(directory.path().join("b"), 100, 100, Clock::system());
            let engine = Engine::new(EngineOptions::default()).unwrap();
            let compiler = Arc::new(Idle::default());
            let limits = Limits::default();
            let counted = Arc::<Idle>::clone(&compiler);
            let programs = Bundles::new(blobs.unwrap(), counted, engine, limits);
            let store = Arc::new(Store {
                bytes,
                opened: AtomicU32::new(0),
            });
            let services = Services {
                handler: Arc::new(Silent),
                blobs: Arc::clone(&store) as Arc<dyn wasmill_rpc::Blobs>,
            };
            let caller = Node::TaskManager("a".parse().unwrap());
            let from = Gateway::local(Node::JobManager, caller, services, Clock::system());
            let (one, other) = tokio::join!(
                programs.get(digest, from.clone()),
                programs.get(digest, from)
            );
            for refused in [one, other] {
                let refused = refused.err().unwrap().to_string();
                assert!(refused.contains(told), "{refused}");
            }
            assert_eq!(store.opened.load(Ordering::Acquire), opened, "{told}");
            assert_eq!(compiler.0.load(Ordering::Acquire), 0, "it is no bundle");
        }
    });
}
