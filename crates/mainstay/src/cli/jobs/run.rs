//! `mainstay jobs run --plan FILE`: a plan given as data, checked as a planner's would be.

use mainstay_agents::job::Job;
use mainstay_core::{
    budget::Limits,
    code::Code,
    model::{ModelFailure, ModelId, Tier},
    plan::{self, Extraction, Ground, Plan, PlanFaults},
    tool::{Grants, ToolSpec},
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    runtime::Runtime,
};
use serde::Serialize;

use super::actions::{self, Action};
use crate::{
    cli::{
        confirm::{Answer, Consent},
        error::CliError,
        exit::Exit,
        input,
        output::{Format, Output},
        reach,
        report::{self, RunDocument},
        run::read_limits,
        settle,
        shell::Shell,
    },
    job::{Judging, NAME, Order},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The plan: a JSON file, or `-` for standard input
    #[arg(long, value_name = "FILE|-")]
    plan: String,
    /// What slots reach as `input`: a JSON file, `-` for standard input, or `key=value` pairs
    #[arg(long, short, num_args = 1.., value_name = "FILE|-|K=V")]
    input: Vec<String>,
    /// What it may use: usd=0.50,tokens=20k,wall=10m,deadline=3d,tool_calls=30
    #[arg(long, short, value_name = "LIMITS")]
    budget: Option<String>,
    /// Reach this MCP server, too, over streamable HTTP; its tools are `NAME.tool`
    #[arg(long, value_name = "[NAME=]URL")]
    mcp: Vec<String>,
    /// Let this model, VENDOR:NAME, revise the plan and judge expectations in words
    #[arg(long, value_name = "VENDOR:NAME")]
    model: Option<ModelId>,
    /// Leave the job to a worker, and return once it is in the queue
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    consent: Consent,
}

/// A run's document, with the plan's digest and what was done.
#[derive(Serialize)]
struct JobDocument {
    #[serde(flatten)]
    run: RunDocument,
    plan_digest: Option<String>,
    actions: Vec<Action>,
}

pub(crate) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let output = shell.output;
    match check_and_drive(&mut shell, args).await {
        // With `--json` a script reads one document, also of a job that never began.
        Err(error) if output.format != Format::People && error.exit != Exit::Ok => {
            let run = RunDocument::refused(NAME.to_owned(), &error);
            output.document(&JobDocument { run, plan_digest: None, actions: Vec::new() })?;
            Ok(error.exit)
        }
        done => done,
    }
}

async fn check_and_drive(shell: &mut Shell, args: Args) -> Result<Exit, CliError> {
    let output = shell.output;
    let limits = args.budget.as_deref().map(|text| read_limits(shell, text)).transpose()?;
    let limits = limits.unwrap_or_default();
    let plan = plan::read(&input::read(std::slice::from_ref(&args.plan))?).map_err(refused)?;
    let job_input = input::read(&args.input)?;
    for server in &args.mcp {
        shell.settings.mcp.add(server)?;
    }
    let database = shell.database()?;
    let runtime = shell.driver(&database, args.model.as_ref()).await?;
    let mut specs = runtime.tools.specs();
    // Steps are called by flows alone.
    specs.retain(|spec| !spec.is_step());
    let plan = checked(&runtime, &specs, &plan, &limits)?;
    if consented(&output, args.consent, &plan, &specs)? == Answer::No {
        return Ok(Exit::Ok);
    }
    let judging = args.model.map_or(Judging::ByRules, |_| Judging::ByModels);
    let order = Order { plan: plan.clone(), input: job_input, judging };
    let order = serde_json::to_value(&order)
        .map_err(|error| CliError::new(Code::InvalidInput, error.to_string()))?;
    let requested_by = Some(shell.person(None));
    let wish = StartRun { limits, requested_by, ..StartRun::new(NAME, order) };
    let run_id = runtime.start(wish).await?.run_id;
    if args.detach {
        let view = crate::cli::run::register_and_view(&runtime, run_id).await?;
        if output.is_for_people() {
            report::print(&output, &runtime, &view).await?;
        } else {
            document(&output, &runtime, view, (&plan, &specs)).await?;
        }
        output.next(format!("mainstay runs tail {run_id}"));
        return Ok(Exit::Ok);
    }
    // A plan that models may revise could come to call any tool.
    let here = judging == Judging::ByRules && reach::holds(&plan, &specs);
    let settled = if here {
        settle::drive_here(runtime.clone(), run_id, &output).await?
    } else {
        settle::drive(runtime.clone(), run_id, &output).await?
    };
    if output.is_for_people() {
        return crate::cli::run::close(&output, &runtime, run_id, &settled).await;
    }
    document(&output, &runtime, runtime.view(run_id).await?, (&plan, &specs)).await?;
    Ok(settled.exit())
}

/// Prints the document of a job, as far as it has come.
async fn document(
    output: &Output,
    runtime: &Runtime,
    mut view: RunView,
    (plan, specs): (&Plan, &[ToolSpec]),
) -> Result<(), CliError> {
    view.row = report::explained(runtime, view.row).await?;
    let value = report::output_of(runtime, &view).await?;
    let actions = actions::of(&view, plan, specs);
    let plan_digest = Some(plan.digest().to_string());
    output.document(&JobDocument { run: RunDocument::of(&view, value), plan_digest, actions })?;
    Ok(())
}

/// Checks everything that can be known before anything is spent.
fn checked(
    runtime: &Runtime,
    specs: &[ToolSpec],
    plan: &Plan,
    limits: &Limits,
) -> Result<Plan, CliError> {
    let price = price(runtime, plan, limits)?;
    let grants: Grants = specs.iter().map(|spec| spec.name.as_str()).collect();
    let ground = Ground {
        tools: specs,
        grants: &grants,
        left: limits,
        extraction: &Extraction { price, ..Job::EXTRACTION },
        schema: runtime.schema.as_ref(),
    };
    plan::check(plan, &ground).map_err(refused)
}

/// Returns the price of reading values out of texts, where the plan has any and money is limited.
fn price(
    runtime: &Runtime,
    plan: &Plan,
    limits: &Limits,
) -> Result<Option<mainstay_core::model::Price>, CliError> {
    if plan.steps.iter().all(|step| step.extract.is_none()) {
        return Ok(None);
    }
    let told = |failure: ModelFailure| {
        CliError::new(failure.code(), failure.to_string()).with_hint("mainstay explain MS-4007")
    };
    let (model, _) = runtime.models.resolve(&Tier::Fast.into()).map_err(told)?;
    let price = runtime.models.price(&model);
    match (price, limits.usd) {
        (None, Some(_)) => Err(told(ModelFailure::Unpriced { model: model.into() })),
        (price, _) => Ok(price),
    }
}

fn refused(faults: PlanFaults) -> CliError {
    let details: Vec<_> = faults.all().iter().map(ToString::to_string).collect();
    let message = format!("{}; nothing was started", faults.code().title());
    CliError::new(faults.code(), message)
        .with_details(details)
        .with_hint(format!("mainstay explain {}", faults.code()))
}

/// Shows a plan that changes something, and asks.
fn consented(
    output: &Output,
    consent: Consent,
    plan: &Plan,
    specs: &[ToolSpec],
) -> Result<Answer, CliError> {
    if plan.state_changing(specs).next().is_none() {
        return Ok(Answer::Yes);
    }
    let step = |(at, step): (usize, &plan::PlanStep)| {
        let arguments = mainstay_core::visible::visible(&step.args.to_string());
        let effect = step.effect_class(specs);
        format!("{}. {}: {} ({effect}) {arguments}", at + 1, step.id, step.tool)
    };
    let steps = plan.steps.iter().enumerate().map(step);
    let goal = format!("goal: {}", mainstay_core::visible::visible(&plan.goal));
    let digest = format!("digest: {}", plan.digest());
    let shown: Vec<_> = [goal, digest].into_iter().chain(steps).collect();
    consent.ask(output, "carry out this plan", &shown)
}
