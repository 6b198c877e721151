//! Workers in other processes: what `[workers]` declares of them, and the door they come to.

pub(crate) mod agreed;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use mainstay_core::{
    code::Code,
    remote::{Kind, Offer},
};
use mainstay_engine::system::{OsEntropy, SystemClock};
use mainstay_server::listen;
use mainstay_tools::{
    ToolSet,
    transport::worker::{Declared, Hub, Settings as Declaration, Surroundings},
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::error::CliError,
    config::{Manifest, ManifestTool, Settings, ToolSection, WorkerSection},
};

/// Where workers come to unless something else is said.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7373);

/// A worker's name begins the names of its tools, so it is short.
const LONGEST_NAME: usize = 32;

/// Returns the hub of the workers that are configured, if any are.
pub(crate) fn hub(settings: &Settings) -> Result<Option<Arc<Hub>>, CliError> {
    if settings.workers.is_empty() {
        return Ok(None);
    }
    let workers = settings.workers.iter();
    let declared = workers.map(|(name, section)| declaration(name, section, &settings.folder));
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        secrets: Arc::new(settings.secrets.clone()),
    };
    Ok(Some(Hub::new(declared.collect::<Result<_, _>>()?, around)))
}

/// Returns a program's own tools, and what its workers serve.
pub(crate) fn with_served(own: ToolSet, hub: Option<&Arc<Hub>>) -> ToolSet {
    hub.into_iter().flat_map(Hub::served).fold(own, ToolSet::tool)
}

fn wrong(message: String) -> CliError {
    CliError::new(Code::InvalidConfig, message)
}

fn declaration(
    name: &str,
    section: &WorkerSection,
    folder: &Path,
) -> Result<Declaration, CliError> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err(wrong(format!("`{name}` cannot be the name of a worker")).with_hint(format!(
            "write up to {LONGEST_NAME} lower-case letters, digits, `-` and `_`"
        )));
    }
    let Manifest { tools, steps } = match &section.manifest {
        Some(path) => manifest(name, &folder.join(path))?,
        None => Manifest::default(),
    };
    let mut served = of_kind(name, Kind::Tool, tools, &section.tools)?;
    served.extend(of_kind(name, Kind::Step, steps, &section.steps)?);
    one_of_a_name(name, &served)?;
    let usual = Declaration::new(name);
    Ok(Declaration {
        token: section.token.clone(),
        lease: section.lease.map_or(usual.lease, |span| span.0),
        patience: section.patience.map_or(usual.patience, |span| span.0),
        served,
        ..usual
    })
}

fn of_kind(
    worker: &str,
    kind: Kind,
    written: Vec<ManifestTool>,
    sections: &BTreeMap<String, ToolSection>,
) -> Result<Vec<Declared>, CliError> {
    let mut written: BTreeMap<_, _> =
        written.into_iter().map(|served| (served.name.clone(), served)).collect();
    let names: BTreeSet<_> = written.keys().chain(sections.keys()).cloned().collect();
    let nothing = ToolSection::default();
    let each = names.iter().map(|name| {
        let over = sections.get(name).unwrap_or(&nothing);
        declared(worker, (kind, name), written.remove(name), over)
    });
    each.collect()
}

/// A call says by its name alone what is called.
fn one_of_a_name(worker: &str, served: &[Declared]) -> Result<(), CliError> {
    let mut names = BTreeSet::new();
    match served.iter().find(|declared| !names.insert(&declared.offer.name)) {
        None => Ok(()),
        Some(Declared { offer, .. }) => {
            let message = format!("`{}` is a tool and a step of workers.{worker}", offer.name);
            Err(wrong(message).with_hint("give one of them another name"))
        }
    }
}

fn manifest(worker: &str, path: &Path) -> Result<Manifest, CliError> {
    let hint = format!(
        "write it with `python -m mainstay_worker manifest MODULE:WORKER > {}`",
        path.display()
    );
    let unread = |why: String| {
        let message =
            format!("workers.{worker}.manifest: {} cannot be read: {why}", path.display());
        wrong(message).with_hint(hint.clone())
    };
    let text = std::fs::read_to_string(path).map_err(|error| unread(error.to_string()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| unread(error.to_string()))?;
    let mut names = BTreeSet::new();
    let mut all = manifest.tools.iter().chain(&manifest.steps);
    match all.find(|served| !names.insert(&served.name)) {
        Some(twice) => Err(unread(format!("it declares `{}` twice", twice.name))),
        None => Ok(manifest),
    }
}

/// Puts together what the manifest and the configuration say of a tool or a step.
fn declared(
    worker: &str,
    (kind, name): (Kind, &str),
    written: Option<ManifestTool>,
    over: &ToolSection,
) -> Result<Declared, CliError> {
    let place = format!("workers.{worker}.{kind}s.{name}", kind = kind.word());
    if over.polls && kind == Kind::Step {
        return Err(wrong(format!("{place}.polls is said of a step"))
            .with_hint("take it out: it is about what agents repeat, and they call no steps"));
    }
    let base = written.as_ref();
    let input = over.input_schema.as_ref().or(base.map(|base| &base.input_schema));
    let Some(input_schema) = input.cloned() else {
        return Err(wrong(format!("{place} has no input_schema, and no manifest declares it"))
            .with_hint("correct the name, or write input_schema = { … }"));
    };
    let output = over.output_schema.as_ref().or(base.map(|base| &base.output_schema));
    // What the worker says of itself, which the configuration may set aside.
    let says = base.map_or(over.effect.unwrap_or_default(), |base| base.effect);
    let offer = Offer {
        kind,
        name: name.to_owned(),
        input_schema,
        output_schema: output.cloned().unwrap_or(Value::Bool(true)),
        effect: says.word().to_owned(),
    };
    let validity = over.key_valid_for.or(base.and_then(|base| base.key_valid_for));
    let effect = over.effect.unwrap_or(says).class(validity).map_err(|none| none.at(&place))?;
    let mut declared = Declared::new(worker, offer);
    let described = base.map(|base| base.description.clone()).unwrap_or_default();
    let spec = declared.spec.with_effect(effect).with_description(described);
    declared.spec = over.over(spec);
    Ok(declared)
}

/// A door that workers come to.
pub(crate) struct Door {
    listener: TcpListener,
    hub: Arc<Hub>,
}

impl Door {
    /// Takes the port, where workers are configured: what `--listen` says, else `MAINSTAY_BIND`.
    pub(crate) async fn open(
        hub: Option<Arc<Hub>>,
        listen: Option<SocketAddr>,
        settings: &Settings,
    ) -> Result<Option<Self>, CliError> {
        let Some(hub) = hub else {
            return match listen {
                None => Ok(None),
                Some(_) => Err(CliError::new(
                    Code::InvalidArgument,
                    "--listen, but no `[workers]` are configured",
                )
                .with_hint("declare who comes there; docs/tools-workers.md shows it")),
            };
        };
        let address = listen.or(settings.bind).unwrap_or(USUAL);
        let open: Vec<_> = hub.without_token().map(|name| format!("`{name}`")).collect();
        if !listen::is_local(address) && !open.is_empty() {
            let open = open.join(", ");
            let message = format!("{address} is reached by others, and {open} has no token");
            return Err(CliError::new(Code::WorkerPublic, message)
                .with_hint("write token = \"secret:NAME\", or listen on 127.0.0.1"));
        }
        let listener = listen::bind(address).await.map_err(|error| {
            let taken = error.kind() == std::io::ErrorKind::AddrInUse;
            let code = if taken { Code::PortInUse } else { Code::InvalidArgument };
            CliError::new(code, format!("{address} cannot be listened on: {error}"))
                .with_hint("end what listens there, or choose another with `--listen ADDRESS:PORT`")
        })?;
        hub.listen();
        Ok(Some(Self { listener, hub }))
    }

    /// Returns where workers come to.
    pub(crate) fn url(&self) -> String {
        self.listener.local_addr().map_or_else(|_| "?".to_owned(), |at| format!("http://{at}"))
    }

    /// Answers workers until `stop`.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let router = mainstay_server::work::router(self.hub, stop.clone());
        listen::serve(self.listener, router, stop).await;
    }
}

/// Reads `MAINSTAY_BIND`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, CliError> {
    text.parse().map_err(|_| {
        wrong(format!("MAINSTAY_BIND is `{text}`"))
            .with_hint("write an address and a port, such as `127.0.0.1:7373`")
    })
}

#[cfg(test)]
mod tests;
