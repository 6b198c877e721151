//! Model vendors behind one port: scripted, OpenAI (chat completions and responses) and those who
//! speak like it, Anthropic, Gemini, Ollama.
//!
//! Nothing here tries again, reads the environment or keeps anything between two calls, but for a
//! cassette, which keeps whose turn it is.

pub mod cassette;
mod delivery;
pub mod prices;
pub mod scripted;
mod tokens;
pub mod vendor;
