//! What may be done in the directory.

use mainstay::prelude::*;
use serde_json::json;

use crate::directory::Directory;

/// The teams that have permissions of their own.
const TEAMS: [&str; 2] = ["research", "support"];

/// An account.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Account {
    /// Its number.
    pub(crate) id: usize,
    /// Where its owner reads mail.
    pub(crate) mail: String,
}

/// Makes an account for a colleague.
#[tool(effect = idempotent(key_valid_for = forever), reversible)]
pub(crate) async fn create_account(
    cx: &ToolContext,
    name: String,
    mail: String,
) -> Result<Account, ToolFailure> {
    let key = cx.idempotency_key().to_string();
    let details = json!({ "name": name, "mail": mail });
    let deed = cx.resource::<Directory>()?.once(key, "account", details)?;
    Ok(Account { id: deed.number, mail })
}

/// Gives an account the permissions of a team: research, support, or `everybody` for what all have.
#[tool(effect = idempotent(key_valid_for = forever), reversible)]
pub(crate) async fn set_permissions(
    cx: &ToolContext,
    account: usize,
    team: String,
) -> Result<String, ToolFailure> {
    if team != "everybody" && !TEAMS.contains(&team.as_str()) {
        return Err(ToolFailure::refused(format!("there is no team `{team}`")));
    }
    let key = cx.idempotency_key().to_string();
    let details = json!({ "account": account, "team": team });
    cx.resource::<Directory>()?.once(key, "permissions", details)?;
    Ok(team)
}

/// Sends the welcome that every new colleague gets.
#[tool(effect = idempotent(key_valid_for = forever), irreversible)]
pub(crate) async fn send_welcome(
    cx: &ToolContext,
    account: usize,
    mail: String,
) -> Result<String, ToolFailure> {
    let key = cx.idempotency_key().to_string();
    let details = json!({ "account": account, "mail": mail });
    cx.resource::<Directory>()?.once(key, "welcome", details)?;
    Ok(mail)
}
