//! One connection to a server: made, listed, called, lost.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use mainstay_core::{
    code::Code,
    secret::{Scrub, Secret},
    tool::{ToolCall, ToolFailure},
};
use rmcp::{
    ClientHandler, ClientServiceExt, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationCapability, ErrorData, FormElicitationCapability, Implementation,
        PaginatedRequestParams, ProtocolVersion, SubscriptionFilter, TASKS_EXTENSION_ID, Tool,
    },
    service::{
        ClientCacheConfig, ClientLifecycleMode, NotificationContext, Peer, RequestContext,
        RunningService, ServiceError,
    },
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    Person, Surroundings, calling,
    definition::Definition,
    failure::{Connection, chain},
    input,
    listing::{LeftOut, Listing},
    older::Greeting,
    settings::{BEARER, Given, Reach, Settings},
    stdio::{Pipes, Signs},
    web::Web,
};
use crate::JsonSchemaCheck;

/// Of one server's tools at most so many are offered.
const MOST_TOOLS: usize = 1_000;

/// One server's definitions have together at most so many bytes.
const LARGEST_LIST: usize = 8 << 20;

/// A list has at most so many pages.
const MOST_PAGES: usize = 100;

/// A live connection.
pub(super) struct Session {
    service: RunningService<RoleClient, Client>,
    pub(super) signs: Signs,
    watch: Option<JoinHandle<()>>,
}

/// What the server can ask of this side.
struct Client {
    server: String,
    person: Option<Arc<dyn Person>>,
    signs: Signs,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        let tasks = (TASKS_EXTENSION_ID.to_owned(), serde_json::Map::new());
        capabilities.extensions = Some([tasks].into_iter().collect());
        let mut asks = ElicitationCapability::default();
        asks.form = Some(FormElicitationCapability::default());
        capabilities.elicitation = Some(asks);
        let name = Implementation::new("mainstay", env!("CARGO_PKG_VERSION"));
        let mut config = ClientConfig::new(capabilities, name);
        // What a greeting may name; the newer generation has none.
        config.protocol_version = ProtocolVersion::V_2025_11_25;
        config
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let asked = self.person.as_ref().zip(input::question(&request));
        let answer = match asked {
            Some((person, asked)) => person.answer(&self.server, &asked).await,
            None => None,
        };
        let nobody = || ElicitResult::new(ElicitationAction::Cancel);
        Ok(answer.map_or_else(nobody, input::accepted))
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.signs.stale.store(true, Ordering::Release);
    }
}

impl Session {
    /// Connects: the newer generation is tried first.
    pub(super) async fn open(settings: &Settings, around: &Surroundings) -> Result<Self, String> {
        let newest = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        };
        match Self::open_as(settings, around, newest).await {
            Ok(session) => Ok(session),
            // A server may fall over a first message that it does not know.
            Err(Refused { began: true, .. }) => {
                let older = Self::open_as(settings, around, ClientLifecycleMode::Initialize).await;
                older.map_err(|refused| refused.because)
            }
            Err(refused) => Err(refused.because),
        }
    }

    async fn open_as(
        settings: &Settings,
        around: &Surroundings,
        lifecycle: ClientLifecycleMode,
    ) -> Result<Self, Refused> {
        let signs = Signs::default();
        let (person, somebody) = (around.person.clone(), around.person.is_some());
        let client = Client { server: settings.name.clone(), person, signs: signs.clone() };
        let service = match &settings.reach {
            Reach::Command { argv, env } => {
                let (env, scrub) = resolve(env, around).await.map_err(Refused::before)?;
                let pipes = Pipes::start(&settings.name, argv, &env, (signs.clone(), scrub));
                let program = argv.first().map_or("", String::as_str);
                let pipes = pipes.map_err(|error| {
                    Refused::before(format!("`{program}` cannot be started: {error}"))
                })?;
                client.serve_with_lifecycle(Greeting { inner: pipes, somebody }, lifecycle).await
            }
            Reach::Url { url, headers } => {
                let (door, headers) = (Arc::clone(&around.door), Arc::new(headers.clone()));
                let web = Web { door, headers };
                // A session that expired is begun anew by the next call, which looks at the list
                // again before it calls anything.
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .reinit_on_expired_session(false);
                let transport = StreamableHttpClientTransport::with_client(web, config);
                let transport = Greeting { inner: transport, somebody };
                client.serve_with_lifecycle(transport, lifecycle).await
            }
        };
        let service = service.map_err(|error| {
            let because = signs.ended.get().cloned().unwrap_or_else(|| chain(&error));
            Refused { began: true, because }
        })?;
        service.set_response_cache_config(ClientCacheConfig::disabled()).await;
        let watch = watch(&service, &signs);
        Ok(Self { service, signs, watch })
    }

    /// Returns the version of the protocol that is spoken.
    pub(super) fn protocol(&self) -> Option<String> {
        self.service.peer_info().map(|info| info.protocol_version.to_string())
    }

    /// Returns what the server calls itself.
    pub(super) fn calls_itself(&self) -> Option<String> {
        let info = self.service.peer_info()?;
        info.server_info.as_ref().map(|server| server.name.clone())
    }

    /// Returns whether the connection is known to be gone.
    pub(super) fn is_gone(&self) -> bool {
        self.service.is_transport_closed() || self.signs.ended.get().is_some()
    }

    /// Returns whether the server says that its tools changed since this was last asked.
    pub(super) fn take_stale(&self) -> bool {
        self.signs.stale.swap(false, Ordering::AcqRel)
    }

    /// Lists the server's tools, those apart that cannot be offered.
    pub(super) async fn list(
        &self,
        server: &str,
        schema: &JsonSchemaCheck,
    ) -> Result<Listing, String> {
        let mut listing = Listing::default();
        let (mut cursor, mut seen) = (None, 0);
        for _ in 0..MOST_PAGES {
            let mut page = PaginatedRequestParams::default();
            page.cursor = cursor;
            let page = self.service.list_tools(Some(page)).await;
            let page = page.map_err(|error| self.why(&error))?;
            for tool in page.tools {
                seen += 1;
                if seen <= MOST_TOOLS {
                    listing.take_in(server, definition(tool), schema);
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        if seen > MOST_TOOLS || cursor.is_some() {
            let more = format!("only the first {MOST_TOOLS} of its {seen} tools are offered");
            listing.left_out.push(LeftOut::new(server, "*", more));
        }
        Ok(listing)
    }

    fn why(&self, error: &ServiceError) -> String {
        self.signs.ended.get().cloned().unwrap_or_else(|| chain(error))
    }

    /// Calls a tool.
    pub(super) async fn call(
        &self,
        tool: &str,
        call: &ToolCall,
        around: &Surroundings,
    ) -> (Result<Value, ToolFailure>, Connection) {
        let peer: Peer<RoleClient> = self.service.peer().clone();
        let (mut result, connection) = calling::call(peer, tool, call, around).await;
        if let (Err(failure), Some(ended)) = (&mut result, self.signs.ended.get()) {
            failure.message = format!("{}; the server was ended: {ended}", failure.message);
            failure.code = Code::McpAnswer;
        }
        (result, connection)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// Why there is no connection, and whether the server was spoken to at all.
struct Refused {
    began: bool,
    because: String,
}

impl Refused {
    const fn before(because: String) -> Self {
        Self { began: false, because }
    }
}

/// Returns the environment of a child, and what takes its secrets out of whatever it says.
async fn resolve(
    env: &BTreeMap<String, Given>,
    around: &Surroundings,
) -> Result<(Vec<(String, Secret)>, Scrub), String> {
    let (mut resolved, mut scrub) = (Vec::new(), Scrub::default());
    for (name, given) in env {
        let value = given.resolve(&*around.secrets).await?;
        if let Some(reference) = given.reference() {
            // The secret itself, which may be told back without what stands before it.
            let bare = value.expose().trim_start_matches(BEARER);
            scrub.add(reference, &Secret::new(bare))?;
        }
        resolved.push((name.clone(), value));
    }
    Ok((resolved, scrub))
}

/// The newer generation tells of changes only to those who listen. Where that ends or is refused,
/// the list is looked at again from time to time, as for any server.
fn watch(service: &RunningService<RoleClient, Client>, signs: &Signs) -> Option<JoinHandle<()>> {
    let info = service.peer_info()?;
    let told =
        info.capabilities.tools.as_ref().is_some_and(|tools| tools.list_changed == Some(true));
    if info.protocol_version.has_initialize() || !told {
        return None;
    }
    let (peer, signs) = (service.peer().clone(), signs.clone());
    Some(tokio::spawn(async move {
        let mut wanted = SubscriptionFilter::default();
        wanted.tools_list_changed = Some(true);
        let Ok(mut subscription) = peer.listen(wanted).await else { return };
        // What changed before the server listened to us, it told nobody.
        signs.stale.store(true, Ordering::Release);
        while let Ok(Some(_)) = subscription.next().await {
            signs.stale.store(true, Ordering::Release);
        }
        signs.stale.store(true, Ordering::Release);
    }))
}

impl Listing {
    fn take_in(&mut self, server: &str, definition: Definition, schema: &JsonSchemaCheck) {
        let name = definition.name.clone();
        let twice = || Some("the server lists two tools of this name".to_owned());
        let known = self.tools.contains_key(&name);
        let fault = if known { twice() } else { definition.fault(server, schema) };
        let size = definition.size();
        let full =
            || Some(format!("its server's definitions are larger than {LARGEST_LIST} bytes"));
        let fault = if self.bytes + size > LARGEST_LIST { fault.or_else(full) } else { fault };
        match fault {
            Some(because) => self.left_out.push(LeftOut::new(server, &name, because)),
            None => {
                self.bytes += size;
                self.tools.insert(name, definition);
            }
        }
    }
}

fn definition(tool: Tool) -> Definition {
    let object = |schema: Arc<serde_json::Map<_, _>>| Value::Object((*schema).clone());
    let hints = tool.annotations.unwrap_or_default();
    Definition {
        name: tool.name.into_owned(),
        description: tool.description.unwrap_or_default().into_owned(),
        input_schema: object(tool.input_schema),
        output_schema: tool.output_schema.map(object),
        read_only: hints.read_only_hint,
        idempotent: hints.idempotent_hint,
        destructive: hints.destructive_hint,
        open_world: hints.open_world_hint,
    }
}
