//! Onboarding a new customer: two systems, and what the first did is undone when the second says
//! no for good.

use mainstay::prelude::*;

use crate::{
    shop::Account,
    ticket::SignUp,
    tool::account::{close_account, enrol, open_account},
};

/// Somebody who wants an account.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Onboarding {
    /// Who.
    pub sign_up: SignUp,
}

/// Opens an account, enrols it in the loyalty programme and welcomes the customer.
#[flow(
    name = "onboarding",
    version = 1,
    examples = [
        "I want to open a customer account.",
        "Please sign me up.",
        "I am a new customer, register me.",
        "Create an account for Anna Vogel, anna@example.org.",
        "How can I join the loyalty programme?",
        "Enrol this person and collect points.",
        "I would like to become a member.",
        "Welcome a new customer.",
    ],
    rules = [r"^sign up (?<sign_up.name>[\p{L} '-]+?),? (?<sign_up.email>\S+@\S+\w)$"],
    captures = [
        r"(?<sign_up.email>[\w.+-]+@[\w-]+\.[\w.-]*\w)",
        r"\b(?:for|of|customer:?|onboard) (?<sign_up.name>(?-i:\p{Lu}[\p{L}'-]+(?: \p{Lu}[\p{L}'-]+)+))",
    ],
)]
impl Onboarding {
    #[start]
    #[step(compensate = delete_account, grants = [open_account])]
    async fn create_account(&self, cx: &StepContext) -> Result<Account> {
        Ok(cx.tool(open_account::with(self.sign_up.clone())).await.required()?)
    }

    #[listen(create_account)]
    #[step(grants = [enrol])]
    async fn loyalty_enrol(&self, cx: &StepContext, account: &Account) -> Result<()> {
        cx.tool(enrol::with(account.customer.clone())).await.found()?;
        Ok(())
    }

    #[listen(loyalty_enrol)]
    #[finish]
    async fn welcome(&self, #[from(create_account)] account: &Account) -> Result<String> {
        Ok(format!("Welcome, {}! Your number is {}.", self.sign_up.name, account.customer))
    }

    #[step(grants = [close_account])]
    async fn delete_account(&self, cx: &StepContext, account: &Account) -> Result<()> {
        cx.tool(close_account::with(account.customer.clone())).await.found()?;
        Ok(())
    }
}
