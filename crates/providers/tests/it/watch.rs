//! A sink that keeps what it sees.

use std::sync::Mutex;

use mainstay_core::model::{StreamEvent, StreamSink};

/// Keeps every event in order.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Vec<StreamEvent>>);

impl StreamSink for Watch {
    fn event(&self, event: StreamEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Watch {
    pub(crate) fn events(&self) -> Vec<StreamEvent> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let texts = self.events().into_iter().filter_map(|event| match event {
            StreamEvent::TextDelta { text } => Some(text),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn thoughts(&self) -> Vec<String> {
        let thoughts = self.events().into_iter().filter_map(|event| match event {
            StreamEvent::ThinkingDelta { text } => Some(text),
            _ => None,
        });
        thoughts.collect()
    }

    /// The argument pieces of one call, put together.
    pub(crate) fn arguments(&self, wanted: u32) -> String {
        let pieces = self.events().into_iter().filter_map(|event| match event {
            StreamEvent::ToolCallDelta { index, arguments, .. } if index == wanted => {
                Some(arguments)
            }
            _ => None,
        });
        pieces.collect()
    }

    pub(crate) fn finished(&self) -> bool {
        matches!(self.events().last(), Some(StreamEvent::Finished { .. }))
    }
}
