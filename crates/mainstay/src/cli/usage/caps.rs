//! How far each shared cap is used up.

use std::io;

use mainstay_core::{
    allowance::{AccountKey, BurnDown, Cap, Tally},
    budget::{Dimension, Spend, amount},
    store::operation::{AccountRow, AccountsAt},
    time::Timestamp,
};
use mainstay_engine::runtime::Runtime;
use serde::Serialize;

use crate::cli::{
    error::CliError,
    output::{Cell, Output, Tone},
    span,
};

/// One limit of a cap in its running period. Amounts are in the dimension's smallest unit, money in
/// micro-dollars.
#[derive(Serialize)]
pub(super) struct Burning {
    cap: String,
    account: String,
    ends: String,
    dimension: Dimension,
    limit: u64,
    spent: u64,
    lost: u64,
    leased: u64,
    left: u64,
    percent_of_period: u64,
    projected: Option<u64>,
    runs_out: bool,
}

/// Returns the burn-down of every cap of this program.
pub(super) async fn burning(runtime: &Runtime, now: Timestamp) -> Result<Vec<Burning>, CliError> {
    let rows = runtime.store.accounts(AccountsAt { at: now }).await?;
    let mut burning = Vec::new();
    for cap in runtime.caps.iter() {
        let unused = cap.sole_account(now).filter(|sole| rows.iter().all(|r| r.account != *sole));
        let unused = unused.map(untouched);
        let own = rows.iter().filter(|row| cap.has(&row.account)).cloned().chain(unused);
        burning.extend(own.flat_map(|row| lines(cap, &row, now)));
    }
    Ok(burning)
}

const fn untouched(account: AccountKey) -> AccountRow {
    let tally = Tally { granted: Spend::ZERO, spent: Spend::ZERO };
    AccountRow { account, tally, held: Spend::ZERO }
}

fn lines(cap: &Cap, row: &AccountRow, now: Timestamp) -> Vec<Burning> {
    let line = |burn: BurnDown| Burning {
        cap: cap.to_string(),
        account: row.account.to_string(),
        ends: span::rfc3339(row.account.ends()),
        dimension: burn.dimension,
        limit: burn.limit,
        spent: burn.spent,
        lost: burn.lost,
        leased: burn.leased,
        left: burn.left,
        percent_of_period: burn.percent_gone,
        projected: burn.projected,
        runs_out: burn.runs_out(),
    };
    BurnDown::of(cap, row, now).into_iter().map(line).collect()
}

pub(super) fn show(output: &Output, burning: &[Burning]) -> io::Result<()> {
    let head = ["CAP", "OF", "LIMIT", "SPENT", "LEASED", "LEFT", "PERIOD GONE", "BY ITS END"];
    output.table(
        &head,
        burning.iter().map(|line| {
            let bare = |value| amount::bare(line.dimension, value);
            let lost = (line.lost > 0).then(|| format!(" + {} lost", bare(line.lost)));
            let spent = format!("{}{}", bare(line.spent), lost.unwrap_or_default());
            let tone = if line.runs_out { Tone::Bad } else { Tone::Good };
            let projected = line.projected.map(bare).unwrap_or_default();
            vec![
                Cell::from(line.account.clone()),
                line.dimension.name().into(),
                bare(line.limit).into(),
                spent.into(),
                bare(line.leased).into(),
                bare(line.left).into(),
                format!("{} %", line.percent_of_period).into(),
                Cell::toned(tone, projected),
            ]
        }),
    )
}
