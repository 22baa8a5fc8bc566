//! What a node has: our own walls, and containers beside them where an engine is there.

use async_trait::async_trait;
use holdfast_task::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Bubblewrap, Container, Ended, Event, Executor, Offers, Order, Unavailable};

/// Tasks that name an image go to the engine of containers, all others behind our own walls.
pub struct Both {
    walls: Bubblewrap,
    containers: Result<Container, Unavailable>,
}

impl Both {
    /// Looks for an engine of containers.
    #[must_use]
    pub fn new(walls: Bubblewrap) -> Self {
        Self {
            walls,
            containers: Container::find(),
        }
    }
}

#[async_trait]
impl Executor for Both {
    fn offers(&self) -> Offers {
        let mut offers = self.walls.offers();
        let containers = match &self.containers {
            Ok(containers) => {
                let theirs = containers.offers();
                offers.executor = format!("{}, {}", offers.executor, theirs.executor);
                theirs.runtimes
            }
            Err(why) => vec![(Runtime::Container, Err(format!("Needs Podman or Docker: {why}.")))],
        };
        for (runtime, found) in &mut offers.runtimes {
            let theirs = containers.iter().find(|(known, _)| known == runtime);
            if let (Runtime::Container, Some((_, theirs))) = (&runtime, theirs) {
                found.clone_from(theirs);
            }
        }
        offers
    }

    async fn run(&self, order: Order, events: mpsc::Sender<Event>, stop: CancellationToken) -> Ended {
        match (&order.image, &self.containers) {
            (None, _) => self.walls.run(order, events, stop).await,
            (Some(_), Ok(containers)) => containers.run(order, events, stop).await,
            (Some(_), Err(why)) => Ended::could_not_start(why.to_string()),
        }
    }
}
