//! The tools of a process: the program's own, and those that its configuration reaches.

use std::{path::Path, sync::Arc};

use mainstay_core::code::Code;
use mainstay_engine::system::SystemClock;
use mainstay_tools::{Registry, Resources, ToolSet, http::HttpClient};

use crate::{cli::error::CliError, config::Settings};

/// Opens the program's own tools and those of every transport that is configured.
pub(crate) async fn open(
    settings: &Settings,
    own: ToolSet,
    resources: Resources,
) -> Result<Registry, CliError> {
    let opened = own.open(resources, Arc::new(SystemClock));
    let mut registry = opened.map_err(|error| CliError::new(error.code(), error.to_string()))?;
    http(settings, &mut registry).await?;
    Ok(registry)
}

/// Adds the operations of each `[http.NAME]`.
async fn http(settings: &Settings, registry: &mut Registry) -> Result<(), CliError> {
    let client = HttpClient::new(Arc::new(settings.secrets.clone()));
    for (name, section) in &settings.http {
        let path = section.path(&settings.folder);
        let wrong = |why: String| {
            let message = format!("http.{name}: {}: {why}", path.display());
            CliError::new(Code::OpenapiInvalid, message)
        };
        let document = tokio::fs::read_to_string(&path).await;
        let document = document.map_err(|error| wrong(error.to_string()))?;
        let client = match section.ca(&settings.folder) {
            Some(ca) => with_ca(&client, &ca).await.map_err(|why| {
                CliError::new(Code::InvalidConfig, format!("http.{name}: {}: {why}", ca.display()))
            })?,
            None => client.clone(),
        };
        let opened = section.interface(name, document).open(&client);
        let opened = opened.map_err(|error| wrong(error.to_string()))?;
        for left_out in &opened.left_out {
            tracing::warn!(interface = %name, why = %left_out, "operation_left_out");
        }
        for tool in opened.tools {
            registry
                .add(tool)
                .map_err(|error| CliError::new(error.code(), format!("http.{name}: {error}")))?;
        }
    }
    Ok(())
}

async fn with_ca(client: &HttpClient, ca: &Path) -> Result<HttpClient, String> {
    let pem = tokio::fs::read(ca).await.map_err(|error| error.to_string())?;
    client.clone().with_roots(&pem)
}
