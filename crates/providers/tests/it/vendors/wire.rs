//! The vendors as they are on the wire: where their recorded answers are, how these end, what they
//! tell and what they do not.

use std::path::Path;

use mainstay_providers::vendor::{Endpoint, EndpointError, Vendor};

use crate::{
    conformance::{Scene, Tells},
    server::{Answer, End},
};

/// One vendor's shape.
pub(crate) struct Wire {
    pub(crate) folder: &'static str,
    pub(crate) open: fn(Endpoint) -> Result<Vendor, EndpointError>,
    pub(crate) media_type: &'static str,
    /// What stands between two pieces.
    pub(crate) separator: &'static str,
    /// The finish marker of an answer that ended by itself.
    marker: &'static str,
    /// The word for an answer that the limit cut, which tests exchange for one that nobody knows.
    length: &'static str,
    /// The status of a server that has too much to do.
    overloaded: u16,
    /// Where the wait stands after a 429.
    wait: Wait,
    pub(crate) tells: Tells,
}

#[derive(PartialEq, Eq)]
enum Wait {
    Header,
    Body,
}

pub(crate) const OPENAI: Wire = Wire {
    folder: "openai",
    open: Vendor::openai,
    media_type: "text/event-stream",
    separator: "\n\n",
    marker: "\"finish_reason\":\"stop\"",
    length: "\"finish_reason\":\"length\"",
    overloaded: 503,
    wait: Wait::Header,
    // Their own models think out of sight in this form.
    tells: Tells { thoughts: None, ..Tells::EVERYTHING },
};

pub(crate) const OPENAI_COMPATIBLE: Wire = Wire {
    folder: "openai_compatible",
    tells: Tells { reasoning: 0, ..Tells::EVERYTHING },
    ..OPENAI
};

pub(crate) const OPENAI_RESPONSES: Wire = Wire {
    folder: "openai_responses",
    open: Vendor::openai_responses,
    marker: "event: response.completed",
    length: "\"reason\":\"max_output_tokens\"",
    tells: Tells::EVERYTHING,
    ..OPENAI
};

pub(crate) const ANTHROPIC: Wire = Wire {
    folder: "anthropic",
    open: Vendor::anthropic,
    marker: "\"stop_reason\":\"end_turn\"",
    length: "\"stop_reason\":\"max_tokens\"",
    overloaded: 529,
    tells: Tells { reasoning: 0, ..Tells::EVERYTHING },
    ..OPENAI
};

pub(crate) const GEMINI: Wire = Wire {
    folder: "gemini",
    open: Vendor::gemini,
    marker: "\"finishReason\":\"STOP\"",
    length: "\"finishReason\":\"MAX_TOKENS\"",
    wait: Wait::Body,
    // Arguments come as an object; a call that they could not read, as an end of its own.
    tells: Tells { malformed: false, ..Tells::EVERYTHING },
    ..OPENAI
};

pub(crate) const OLLAMA: Wire = Wire {
    folder: "ollama",
    open: Vendor::ollama,
    media_type: "application/x-ndjson",
    separator: "\n",
    marker: "\"done\":true",
    length: "\"done_reason\":\"length\"",
    // Arguments come as an object; a call that they could not read, as an error.
    tells: Tells { cached: 0, reasoning: 0, malformed: false, ..Tells::EVERYTHING },
    ..OPENAI
};

pub(crate) const ALL: [&Wire; 6] =
    [&OPENAI, &OPENAI_COMPATIBLE, &OPENAI_RESPONSES, &ANTHROPIC, &GEMINI, &OLLAMA];

impl Wire {
    fn file(&self, name: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(self.folder);
        std::fs::read_to_string(folder.join(name)).unwrap()
    }

    /// Returns a recorded stream.
    pub(crate) fn read(&self, name: &str) -> String {
        let extension = if self.separator == "\n" { "ndjson" } else { "sse" };
        self.file(&format!("{name}.{extension}"))
    }

    /// Returns an answer that streams `body`.
    pub(crate) fn streaming(&self, body: impl Into<Vec<u8>>) -> Answer {
        Answer::stream(self.media_type, body)
    }

    /// Returns an answer that streams what was recorded.
    pub(crate) fn stream(&self, name: &str) -> Answer {
        self.streaming(self.read(name))
    }

    fn error(&self, status: u16, name: &str) -> Answer {
        Answer::status(status, &self.file(&format!("{name}.json")))
    }

    /// The first part of a stream, cut behind a piece and before its finish marker.
    pub(crate) fn first_part(&self, stream: &str) -> String {
        let pieces: Vec<_> = stream.split_inclusive(self.separator).collect();
        let marker = pieces.iter().position(|piece| piece.contains(self.marker));
        pieces[..marker.unwrap()].concat()
    }

    /// The stream with the last piece before its finish marker damaged.
    fn damaged(&self, stream: &str) -> String {
        let head = self.first_part(stream);
        let cut = head.trim_end().len() - 9;
        format!("{}{}{}", &head[..cut], self.separator, &stream[head.len()..])
    }

    fn unknown_end(&self) -> String {
        let (field, _) = self.length.split_once(':').unwrap();
        let recorded = self.read("length");
        let changed = recorded.replace(self.length, &format!("{field}:\"cosmic_ray\""));
        assert_ne!(recorded, changed);
        changed
    }

    /// Returns what the vendor sends in a scene.
    pub(crate) fn answer(&self, scene: Scene) -> Answer {
        match scene {
            // Byte by byte: no character and no event arrives whole.
            Scene::Text => self.stream("text").in_pieces_of(1),
            Scene::Json => self.stream("json").in_pieces_of(7),
            Scene::SingleTool => self.stream("single_tool"),
            Scene::ToolCall => self.stream("tool_call").in_pieces_of(13),
            Scene::MalformedArguments => self.stream("malformed_arguments"),
            Scene::Thinking => self.stream("thinking"),
            Scene::Length => self.stream("length"),
            Scene::Filtered => self.stream("filtered"),
            Scene::UnknownFinish => self.streaming(self.unknown_end()),
            Scene::MissingUsage => self.stream("missing_usage"),
            Scene::RateLimited if self.wait == Wait::Body => self.error(429, "rate_limited"),
            Scene::RateLimited => self.error(429, "rate_limited").with_header("retry-after", "2"),
            Scene::Unavailable => self.error(500, "server_error"),
            Scene::Overloaded => self.error(self.overloaded, "overloaded"),
            Scene::OverloadedMidway => self.stream("overloaded"),
            Scene::Refused => self.error(400, "schema_refused"),
            Scene::Malformed => self.streaming(self.damaged(&self.read("text"))),
            Scene::Truncated => self.streaming(self.first_part(&self.read("text"))),
            Scene::Disconnected => {
                self.streaming(self.first_part(&self.read("text"))).ending(End::Cut)
            }
            Scene::Silent => self.streaming("").ending(End::Hang),
        }
    }
}
