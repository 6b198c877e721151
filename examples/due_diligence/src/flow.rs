//! The flow: code reads the folder, a crew works on it, code says what was left out.

use std::{path::Path, sync::Arc};

use mainstay::{Reading, agents::crewai::Project, prelude::*};
use serde_json::{Map, Value};

use crate::{
    HOME,
    check::rules,
    folder::{Document, Folder},
    report::Report,
    tool::{list_documents, read_document, search_documents},
};

/// A company that somebody wants to buy.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DueDiligence {
    /// Its name, as the documents write it.
    pub company: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Examined {
    /// The company.
    pub company: String,
    /// The report; every quote in it was found in its line.
    pub report: Report,
    /// The documents that no part of the report cites.
    pub uncited: Vec<String>,
    /// How often a check sent an answer of the crew back.
    pub sent_back: u32,
}

/// Examines a company from the documents in a folder.
#[flow(name = "due_diligence", version = 1)]
impl DueDiligence {
    /// Code reads every document through the tools: what they gave is in the journal, and
    /// quotes are held against that, on whatever day and machine the crew goes on.
    #[start(grants = [list_documents, read_document])]
    async fn gather(&self, cx: &StepContext) -> Result<Folder> {
        let mut documents: Vec<Document> = Vec::new();
        for listed in cx.tool(list_documents::with()).await.found()?.unwrap_or_default() {
            let read = cx.tool(read_document::with(listed.document)).await.found()?;
            documents.extend(read.flatten());
        }
        let folder: Folder = documents.into_iter().collect();
        if self.company.trim().is_empty() || folder.search(&self.company).is_none() {
            return Err(StepError::new(format!("no document names `{}`", self.company)));
        }
        Ok(folder)
    }

    /// The crew. Its tools read, so whatever a document talks it into, it can only read.
    #[listen(gather)]
    #[step(
        grants = [list_documents, search_documents, read_document],
        budget = "model_calls=40,tool_calls=120"
    )]
    #[finish]
    async fn examine(&self, cx: &StepContext, #[from(gather)] folder: &Folder) -> Result<Examined> {
        let rules = rules(&Arc::new(folder.clone()));
        let crew = crew(&self.company, &rules)?;
        let output = cx.crew(&crew, &rules).await?;
        let report: Report = output.read()?;
        let names = folder.documents().map(|document| &document.document);
        Ok(Examined {
            company: self.company.clone(),
            uncited: names.filter(|name| !report.cites(name)).cloned().collect(),
            report,
            sent_back: output.tasks.iter().map(|task| task.retries).sum(),
        })
    }
}

/// Reads the crew from its files. The shape of its report and its checks are in code.
fn crew(company: &str, rules: &Rules) -> Result<Crew, Failure> {
    let mut reading = Reading::default();
    reading.checks.extend(rules.checks().map(ToOwned::to_owned));
    let schema = schemars::schema_for!(Report).to_value();
    reading.schemas.insert("Report".to_owned(), schema);
    let inputs = Map::from_iter([("company".to_owned(), Value::from(company))]);
    Project::read(Path::new(HOME), &reading)?.crew(&inputs)
}
