//! Serves a TaskManager's metrics, where it is told to.

use std::sync::Arc;

use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{Actor, CancelToken, Clock};
use wasmill_rest::{MetricsOptions, MetricsServer, Scrape, Scraping};
use wasmill_taskmanager::{Handle, Metrics};

use crate::config::TaskManagerSection;
use crate::failure::{Failure, story};
use crate::screen::Screen;

/// A server that listens.
pub(super) struct Bound {
    server: MetricsServer,
    clock: Clock,
}

/// Listens, if there is to be a server.
pub(super) async fn bind(
    section: &TaskManagerSection,
    clock: &Clock,
) -> Result<Option<Bound>, Failure> {
    let Some(address) = section.metrics else {
        return Ok(None);
    };
    let options = MetricsOptions {
        address,
        token: Some(section.metrics_token.clone()),
    };
    let bound = MetricsServer::bind(options, clock.clone()).await;
    let server = bound.map_err(|error| Failure::failed(story(&error)))?;
    let clock = clock.clone();
    Ok(Some(Bound { server, clock }))
}

impl Bound {
    /// Serves until `stop` is cancelled.
    pub(super) fn serve(self, handle: Handle, screen: &Screen, stop: &CancelToken) -> Actor<()> {
        let address = self.server.address();
        screen.say(&format!("Its metrics are at http://{address}/metrics"));
        let source = Arc::new(OfTaskManager(Metrics::new(handle, self.clock)));
        let serving = self.server.serve(source, stop.clone());
        actors::spawn(ActorKind::Rest, "metrics", serving)
    }
}

/// The metrics of this process.
struct OfTaskManager(Metrics);

impl Scrape for OfTaskManager {
    fn scrape(&self) -> Scraping<'_> {
        // When the executor has ended, so does the process.
        Box::pin(async { self.0.families().await.unwrap_or_default() })
    }
}
