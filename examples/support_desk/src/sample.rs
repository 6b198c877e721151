//! The desk as a program, and its samples as a show: what `mainstay demo` starts, and what must come
//! of it.

use std::{error::Error, time::Duration};

use mainstay::{
    App, Limits, RunStatus, StartRun, Surroundings, Wait,
    demo::{Demo, Performed, Shown, Subject},
    prelude::*,
    scripted::{Script, ScriptError, Scripted},
};
use serde_json::{Value, json};

use crate::{
    INPUT_TOKENS_PER_LETTER,
    desk::{Closed, SupportDesk},
    onboarding::Onboarding,
    prompt::prompts,
    shop::{ActionKind, LOYALTY_REFUSES, SEED, Shop, ShopError},
    ticket::{Expect, Outcome, SignUp, Ticket, samples, sign_ups},
    tool::tools,
};

const SCRIPT: &str = include_str!("../model.yaml");
/// A model takes its time; one that answers at once would leave nothing to watch.
const DELAY: Duration = Duration::from_millis(150);

/// Returns the desk with its flows, tools, samples and a scripted model to try it with.
///
/// # Errors
/// The scripted model that is built into the program does not read.
pub fn app() -> std::result::Result<App, Box<dyn Error + Send + Sync>> {
    let script = script()?;
    let model = format!("{}:{}", Scripted::NAME, script.model()).parse()?;
    Ok(App::new()
        .flow::<SupportDesk>()
        .flow::<Onboarding>()
        .tools(tools())
        .prompts(prompts()?)
        .resource_async(open_shop)
        .model(Scripted::new().with_script(script).with_delay(DELAY))
        .default_model(model)
        .demo(Samples))
}

/// Returns the script of the model that knows the sample letters.
///
/// # Errors
/// The file that is built into the program does not read.
pub fn script() -> std::result::Result<Script, ScriptError> {
    Script::parse("model.yaml", SCRIPT)
}

/// Opens the shop in the database that the runs live in, and fills it if it is new.
async fn open_shop(surroundings: Surroundings) -> std::result::Result<Shop, ShopError> {
    let shop = Shop::open(&surroundings.database.reveal()).await?;
    shop.create_and_fill(SEED).await?;
    Ok(shop)
}

/// Returns the run that works through a letter: under the letter's number, so that a letter that is
/// handed in twice is answered once, and with a limit to what models may read for it.
#[must_use]
pub fn letter(ticket: Ticket) -> StartRun {
    let mut run = StartRun::new("support_desk", json!({ "ticket": ticket }));
    run.limits = Limits { input_tokens: Some(INPUT_TOKENS_PER_LETTER), ..Limits::none() };
    run.key = Some(ticket.id.to_string());
    run
}

/// Returns the run that welcomes a customer: under the address, so that nobody signs up twice.
#[must_use]
pub fn sign_up(sign_up: SignUp) -> StartRun {
    let mut run = StartRun::new("onboarding", json!({ "sign_up": sign_up }));
    run.key = Some(sign_up.email);
    run
}

/// The sample letters and sign-ups.
#[derive(Debug, Clone, Copy)]
pub struct Samples;

#[async_trait::async_trait]
impl Demo for Samples {
    fn about(&self) -> &'static str {
        "a support desk works through its letters"
    }

    async fn prepare(&self, surroundings: &Surroundings) -> Result<Vec<StartRun>> {
        open_shop(surroundings.clone()).await?.close().await;
        let letters = samples()?.into_iter().map(|sample| letter(sample.ticket));
        Ok(letters.chain(sign_ups()?.into_iter().map(sign_up)).collect())
    }

    fn check(&self, run: &Shown) -> std::result::Result<(), String> {
        let samples = samples().map_err(|error| error.to_string())?;
        match samples.into_iter().find(|sample| sample.ticket.id.as_str() == run.key) {
            Some(sample) => check_letter(&sample.expect, run),
            None => check_sign_up(run),
        }
    }

    fn subject(&self, tool: &str, arguments: &Value) -> Option<Subject> {
        let text = |pointer: &str| arguments.pointer(pointer)?.as_str().map(str::to_owned);
        let (action, to) = match tool {
            "refund" => (ActionKind::Refund, text("/payment")),
            "exchange" => (ActionKind::Exchange, text("/item")),
            "cancel_order" => (ActionKind::CancelOrder, text("/order")),
            "book_pickup" => (ActionKind::BookPickup, text("/order")),
            "send_message" => (ActionKind::Send, text("/message/ticket")),
            "open_account" => (
                ActionKind::CreateAccount,
                text("/sign_up/email").map(|email| email.trim().to_lowercase()),
            ),
            "close_account" => (ActionKind::DeleteAccount, text("/customer")),
            "enrol" => (ActionKind::LoyaltyEnrol, text("/customer")),
            _ => return None,
        };
        Some(Subject { action: action.word().to_owned(), to: to.unwrap_or_default() })
    }

    async fn performed(&self, surroundings: &Surroundings) -> Result<Vec<Performed>> {
        let shop = open_shop(surroundings.clone()).await?;
        let actions = shop.actions().await?;
        shop.close().await;
        let performed = |action: crate::shop::Action| Performed {
            subject: Subject { action: action.action.word().to_owned(), to: action.subject },
            times: u64::try_from(action.performed).unwrap_or_default(),
        };
        Ok(actions.into_iter().map(performed).collect())
    }
}

fn check_letter(expect: &Expect, run: &Shown) -> std::result::Result<(), String> {
    let waits = |is: fn(&Wait) -> bool| {
        if run.waits.iter().any(is) { Ok(()) } else { Err(became("to wait", run)) }
    };
    match expect.outcomes.as_slice() {
        [Outcome::Review(_)] => waits(|wait| matches!(wait, Wait::Review { .. })),
        [Outcome::BudgetStop] => waits(|wait| matches!(wait, Wait::Budget { .. })),
        outcomes => match serde_json::from_value::<Closed>(run.output.clone()) {
            Ok(closed) if closed.category == expect.category && closed.outcomes == outcomes => {
                Ok(())
            }
            _ => Err(became(&format!("{outcomes:?}"), run)),
        },
    }
}

fn check_sign_up(run: &Shown) -> std::result::Result<(), String> {
    let status = match run.key.contains(LOYALTY_REFUSES) {
        true => RunStatus::Failed,
        false => RunStatus::Completed,
    };
    if run.status == status { Ok(()) } else { Err(became(status.as_str(), run)) }
}

fn became(expected: &str, run: &Shown) -> String {
    format!("expected {expected}, and it is {} with {}", run.status, run.output)
}
