//! Crews that the command line names: each becomes a flow before the command begins.

use std::{path::Path, sync::Arc};

use mainstay_agents::crewai::Reading;
use mainstay_core::model::{ModelId, Tier};

use super::error::CliError;
use crate::{
    app::App,
    crew_flow::{CrewFlow, PREFIX},
};

/// Adds the crews in folders.
pub(crate) fn add(app: &mut App, folders: &[std::path::PathBuf]) -> Result<(), CliError> {
    for folder in folders {
        add_one(app, folder, &Reading::default())?;
    }
    Ok(())
}

fn add_one(app: &mut App, folder: &Path, reading: &Reading) -> Result<String, CliError> {
    let flow = CrewFlow::read(folder, reading)
        .map_err(|failure| CliError::new(failure.code, failure.message))?;
    let name = flow.name().to_owned();
    app.flows.add(Arc::new(flow));
    Ok(name)
}

/// Returns the flow that `crew:FOLDER` means, adding it; any other name as it is. A model that is
/// named for the run stands behind every agent, whatever its file says.
pub(crate) fn named(
    app: &mut App,
    flow: &str,
    model: Option<&ModelId>,
) -> Result<String, CliError> {
    let known = app.flows.latest(flow).is_some();
    let folder = flow.strip_prefix(PREFIX).map(Path::new).filter(|folder| folder.is_dir());
    match folder {
        Some(folder) if !known || model.is_some() => {
            let only_model = model.map(|_| Tier::Workhorse.into());
            add_one(app, folder, &Reading { only_model, ..Reading::default() })
        }
        Some(_) | None => Ok(flow.to_owned()),
    }
}
