//! A server over its connections: made when needed, made anew when lost, and never believed to
//! offer today what it offered yesterday.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures::future::{Either, select};
use mainstay_core::{
    code::Code,
    digest::Digest,
    tool::{ToolCall, ToolFailure},
};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{
    McpError, Opened, Surroundings,
    definition::{Definition, unapproved},
    failure::Connection,
    listing::{Change, Listing, changes},
    pins::{PinsError, ServerPins},
    session::Session,
    settings::Settings,
    tool::{McpTool, Standing},
};
use crate::JsonSchemaCheck;

/// A list that is older than this is looked at again before a call, for a server that does not say
/// that its tools changed.
const LIST_AGES: Duration = Duration::from_secs(60);

/// The first trouble is none to wait for; after the second it is this long, and doubled by each.
const BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A server.
pub struct Server {
    settings: Settings,
    around: Surroundings,
    schema: JsonSchemaCheck,
    link: Mutex<Link>,
}

/// Where the connection stands.
#[derive(Default)]
struct Link {
    session: Option<Arc<Session>>,
    /// What it offered when it was last asked.
    listed: BTreeMap<String, Digest>,
    listed_at: Duration,
    failures: u32,
    not_before: Duration,
}

impl Link {
    /// A server that starts and falls again and again waits as one that does not start.
    fn set_back(&mut self, now: Duration) {
        let wait = match self.failures {
            0 => Duration::ZERO,
            before => BACKOFF.saturating_mul(1 << (before - 1).min(10)).min(LONGEST_BACKOFF),
        };
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + wait;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

impl Server {
    /// Makes a server that is not reached yet.
    #[must_use]
    pub fn new(settings: Settings, around: Surroundings) -> Arc<Self> {
        let (schema, link) = (JsonSchemaCheck::new(), Mutex::default());
        Arc::new(Self { settings, around, schema, link })
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Returns what its pinned definitions stand under.
    #[must_use]
    pub fn pinned_as(&self) -> &str {
        &self.settings.pinned_as
    }

    /// Returns the version of the protocol that is spoken, if it is reached.
    pub async fn protocol(&self) -> Option<String> {
        self.link.lock().await.session.as_ref()?.protocol()
    }

    /// Returns what it calls itself, if it is reached.
    pub async fn calls_itself(&self) -> Option<String> {
        self.link.lock().await.session.as_ref()?.calls_itself()
    }

    /// Reaches the server and returns its tools. One that cannot be reached offers what was pinned.
    ///
    /// # Errors
    /// It cannot be reached and was never seen, or its pins cannot be used.
    pub async fn open(self: Arc<Self>) -> Result<Opened, McpError> {
        match self.look().await {
            Ok(listing) => Ok(self.offer(listing)?),
            Err(because) => self.offer_pinned(because),
        }
    }

    fn offer(self: Arc<Self>, listing: Listing) -> Result<Opened, PinsError> {
        let pinned = match self.around.pins.of(&self.settings.pinned_as) {
            Some(pinned) => pinned,
            None => {
                let (tools, now) = (listing.tools.values().cloned(), self.around.clock.now());
                self.around.pins.first(&self.settings.pinned_as, tools, now)?
            }
        };
        let changes = changes(&pinned, &listing.tools);
        let new = changes.iter().filter(|change| change.was.is_none());
        let blocked = new.map(|change| {
            let spec = unapproved(&self.settings.name, &change.tool);
            McpTool::new(Arc::clone(&self), change.tool.clone(), spec, Standing::Unapproved)
        });
        let tools = self.approved(pinned).chain(blocked).map(|tool| Arc::new(tool) as _).collect();
        let server = Arc::clone(&self);
        Ok(Opened { server, tools, left_out: listing.left_out, changes, unreachable: None })
    }

    fn offer_pinned(self: Arc<Self>, because: String) -> Result<Opened, McpError> {
        let Some(pinned) = self.around.pins.of(&self.settings.pinned_as) else {
            return Err(McpError::Unseen { server: self.settings.name.clone(), because });
        };
        let tools = self.approved(pinned).map(|tool| Arc::new(tool) as _).collect();
        let (server, unreachable) = (Arc::clone(&self), Some(because));
        Ok(Opened { server, tools, left_out: Vec::new(), changes: Vec::new(), unreachable })
    }

    fn approved(self: &Arc<Self>, pinned: ServerPins) -> impl Iterator<Item = McpTool> {
        let server = Arc::clone(self);
        pinned.into_iter().map(move |(name, pin)| {
            let standing = Standing::Approved(pin.definition.hash());
            let spec = pin.definition.spec(&server.settings);
            McpTool::new(Arc::clone(&server), name, spec, standing)
        })
    }

    /// Reaches the server and returns what it offers now, and what of it is not what was pinned.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn compare(&self) -> Result<(BTreeMap<String, Definition>, Vec<Change>), String> {
        let listing = self.look().await?;
        let pinned = self.around.pins.of(&self.settings.pinned_as).unwrap_or_default();
        let changes = changes(&pinned, &listing.tools);
        Ok((listing.tools, changes))
    }

    /// Pins a tool as it is now.
    ///
    /// # Errors
    /// The pins cannot be read or written.
    pub fn approve(&self, change: &Change) -> Result<(), PinsError> {
        let (pins, now) = (&self.around.pins, self.around.clock.now());
        pins.approve(&self.settings.pinned_as, &change.tool, change.is.clone(), now)
    }

    async fn look(&self) -> Result<Listing, String> {
        let mut link = self.link.lock().await;
        self.connect(&mut link).await?;
        self.list(&mut link).await
    }

    /// Makes one attempt at a tool whose definition has this hash.
    pub(super) async fn call(
        &self,
        tool: &str,
        approved: Digest,
        call: &ToolCall,
    ) -> Result<Value, ToolFailure> {
        let session = self.ready(tool, approved).await?;
        let (result, connection) = session.call(tool, call, &self.around).await;
        let mut link = self.link.lock().await;
        match connection {
            Connection::Alive if !session.is_gone() => link.failures = 0,
            Connection::Alive | Connection::Lost => {
                // Another call may have made it anew in the meantime.
                if link.session.take_if(|current| Arc::ptr_eq(current, &session)).is_some() {
                    link.set_back(self.around.clock.boot());
                }
            }
        }
        result
    }

    /// Returns a connection over which the server offers exactly the tool that was approved.
    async fn ready(&self, tool: &str, approved: Digest) -> Result<Arc<Session>, ToolFailure> {
        let mut link = self.link.lock().await;
        let made = self.connect(&mut link).await.map_err(|why| self.unavailable(&link, &why))?;
        let session = link.session.clone().ok_or_else(|| self.unavailable(&link, "it has gone"))?;
        let age = self.around.clock.boot().saturating_sub(link.listed_at);
        // The mark is taken first: what changes while the list is read marks it again.
        let stale = session.take_stale();
        if made == Made::Now || stale || age > LIST_AGES {
            self.list(&mut link).await.map_err(|why| self.unavailable(&link, &why))?;
        }
        match link.listed.get(tool) {
            Some(now) if *now == approved => Ok(session),
            Some(_) => Err(self.drifted(tool, "is not the tool that was approved any more")),
            None => Err(self.drifted(tool, "is not offered by its server any more")),
        }
    }

    pub(super) fn drifted(&self, tool: &str, what: &str) -> ToolFailure {
        let name = format!("{}.{tool}", self.settings.name);
        let given = self.settings.given_as.iter().map(|given| format!(" --mcp {given}"));
        let given: String = given.collect();
        let told = format!(
            "`{name}` {what}; a person can look at it and approve it: \
             mainstay tools approve {name}{given}"
        );
        ToolFailure::refused(told).with_code(Code::McpDrift)
    }

    fn unavailable(&self, link: &Link, why: &str) -> ToolFailure {
        let told = format!("the MCP server `{}` cannot be reached: {why}", self.settings.name);
        let wait = link.not_before.saturating_sub(self.around.clock.boot());
        let failure = ToolFailure::unavailable(told);
        if wait.is_zero() { failure } else { failure.with_retry_after(wait) }
    }

    /// Makes sure of a connection, if it is time to try.
    async fn connect(&self, link: &mut Link) -> Result<Made, String> {
        if link.session.as_ref().is_some_and(|session| !session.is_gone()) {
            return Ok(Made::Before);
        }
        link.session = None;
        let now = self.around.clock.boot();
        if now < link.not_before {
            return Err("it was lost or did not start, and is tried again later".to_owned());
        }
        let opening = Box::pin(Session::open(&self.settings, &self.around));
        let opened = match self.in_time(opening).await {
            Some(opened) => opened,
            None => Err(format!("it did not start within {:?}", self.settings.start_timeout)),
        };
        let opened = opened.inspect_err(|_| link.set_back(self.around.clock.boot()))?;
        link.session = Some(Arc::new(opened));
        Ok(Made::Now)
    }

    async fn in_time<T>(&self, answer: impl Future<Output = T> + Unpin) -> Option<T> {
        match select(answer, self.around.clock.sleep(self.settings.start_timeout)).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    async fn list(&self, link: &mut Link) -> Result<Listing, String> {
        let session = link.session.clone().ok_or("it has gone")?;
        let name = &self.settings.name;
        let listing = Box::pin(session.list(name, &self.schema));
        let late = || Err("it does not list its tools".to_owned());
        match self.in_time(listing).await.unwrap_or_else(late) {
            Ok(listing) => {
                let hashes = listing.tools.iter().map(|(name, tool)| (name.clone(), tool.hash()));
                link.listed = hashes.collect();
                link.listed_at = self.around.clock.boot();
                Ok(listing)
            }
            Err(why) => {
                link.session = None;
                link.set_back(self.around.clock.boot());
                Err(why)
            }
        }
    }
}

/// When a connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Before,
    Now,
}
