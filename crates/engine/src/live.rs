//! Live events beside the journal: lossy, in process, for progress bars and token streams.

use async_trait::async_trait;
use mainstay_core::{
    effect::{EffectPosition, IdempotencyKey},
    id::RunId,
    model::StreamEvent,
    port::Broker,
};
use tokio::sync::broadcast;

/// Something that happens right now. Nothing depends on its arrival.
#[derive(Debug, Clone)]
pub enum LiveEvent {
    /// An entry became durable.
    Entry {
        /// The run.
        run_id: RunId,
        /// The entry's kind.
        kind: String,
    },
    /// An event went onto the in-process bus.
    Emitted {
        /// Its subject.
        subject: String,
        /// The key by which a repeat is recognised.
        key: IdempotencyKey,
        /// The event as JSON.
        event: String,
    },
    /// A piece of a model's answer.
    Stream {
        /// The run.
        run_id: RunId,
        /// The effect.
        position: EffectPosition,
        /// The piece.
        event: StreamEvent,
    },
}

/// The in-process channel of live events.
#[derive(Debug, Clone)]
pub struct Live(broadcast::Sender<LiveEvent>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::channel(4_096).0)
    }
}

impl Live {
    /// Tells whoever listens.
    pub fn tell(&self, event: LiveEvent) {
        // Nobody listening is the ordinary case.
        let _ = self.0.send(event);
    }

    /// Listens from now on; a slow listener misses events.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<LiveEvent> {
        self.0.subscribe()
    }

    /// Returns whether anybody listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

/// The in-process bus: whoever listens to [`Live`] hears it.
#[async_trait]
impl Broker for Live {
    async fn publish(&self, subject: &str, key: IdempotencyKey, event: &str) -> Result<(), String> {
        self.tell(LiveEvent::Emitted { subject: subject.into(), key, event: event.into() });
        Ok(())
    }
}
