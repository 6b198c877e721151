//! `mainstay migrate`.

use serde::Serialize;

use super::{error::CliError, exit::Exit, shell::Shell};
use crate::database::Purpose;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Migrated {
    store: &'static str,
    found: i64,
    wanted: i64,
    now: i64,
}

pub(crate) async fn run(shell: Shell, args: Args) -> Result<Exit, CliError> {
    let database = shell.database()?;
    // A file that is not there yet has no schema to look at: making it is the migration.
    let fresh = database.file().is_some_and(|path| !path.exists());
    if fresh && args.dry_run {
        shell.output.line(format!("{database} would be made"))?;
        return Ok(Exit::Ok);
    }
    let purpose = if fresh { Purpose::Drive } else { Purpose::Examine };
    let store = database.open(purpose).await?;
    let facts = store.facts(()).await?;
    let (found, wanted) = (if fresh { 0 } else { facts.schema.found }, facts.wanted);
    if facts.schema.found > wanted && !facts.schema.suits(wanted) {
        let newer = mainstay_core::store::StoreError::Schema { found, wanted };
        return Err(database.explained(newer));
    }
    let now = if args.dry_run { found } else { store.migrate(()).await? };
    if shell.output.is_for_people() {
        let verb = if args.dry_run { "would go" } else { "went" };
        let text = match found >= wanted {
            true => format!("{database} already has schema version {found}"),
            false => format!("{database} {verb} from schema version {found} to {wanted}"),
        };
        shell.output.line(text)?;
    } else {
        shell.output.document(&Migrated { store: facts.kind, found, wanted, now })?;
    }
    shell.output.next("mainstay doctor");
    Ok(Exit::Ok)
}
