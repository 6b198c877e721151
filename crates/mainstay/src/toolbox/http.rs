//! The operations of each `[http.NAME]`.

use std::{path::Path, sync::Arc};

use mainstay_core::code::Code;
use mainstay_tools::{Registry, http::HttpClient, transport::openapi::Opened};

use super::invalid;
use crate::{
    cli::error::CliError,
    config::{HttpSection, Settings},
};

/// Adds the operations of every interface. One whose document cannot be read stops the command:
/// without it nobody knows which tools there would be.
pub(super) async fn add(settings: &Settings, registry: &mut Registry) -> Result<(), CliError> {
    if settings.http.is_empty() {
        return Ok(());
    }
    let client = HttpClient::new(Arc::new(settings.secrets.clone()));
    for (name, section) in &settings.http {
        let opened = open(name, section, &settings.folder, &client).await?;
        for left_out in &opened.left_out {
            tracing::warn!(interface = %name, why = %left_out, "operation_left_out");
        }
        for tool in opened.tools {
            registry.add(tool).map_err(|error| invalid(&error))?;
        }
    }
    Ok(())
}

async fn open(
    name: &str,
    section: &HttpSection,
    folder: &Path,
    client: &HttpClient,
) -> Result<Opened, CliError> {
    let wrong = |code, path: &Path, why: &str| {
        CliError::new(code, format!("http.{name}: {}: {why}", path.display()))
    };
    let client = match section.ca(folder) {
        Some(ca) => {
            with_ca(client, &ca).await.map_err(|why| wrong(Code::InvalidConfig, &ca, &why))?
        }
        None => client.clone(),
    };
    let path = section.path(folder);
    let unread = |why: String| wrong(Code::OpenapiInvalid, &path, &why);
    let document = tokio::fs::read_to_string(&path).await;
    let document = document.map_err(|error| unread(error.to_string()))?;
    section.interface(name, document).open(&client).map_err(|error| unread(error.to_string()))
}

async fn with_ca(client: &HttpClient, ca: &Path) -> Result<HttpClient, String> {
    let pem = tokio::fs::read(ca).await.map_err(|error| error.to_string())?;
    client.clone().with_roots(&pem)
}
