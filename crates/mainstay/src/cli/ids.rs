//! Reading ids as people write them: whole, as a unique prefix, or as `@last`.

use mainstay_core::{
    code::Code,
    id::{IdError, ReviewId, RunId, prefix_range},
    store::{
        Store,
        row::{IndexFilter, ReviewFilter},
    },
};
use uuid::Uuid;

use super::error::CliError;

/// So many candidates are shown when a prefix is not unique.
const SHOWN: usize = 8;

/// How many rows the list is brought up to date by before it is asked.
const FRESH: u32 = 10_000;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Last,
    Exactly(Uuid),
    Within(Uuid, Uuid),
}

/// Finds the run that was meant.
pub(crate) async fn run(store: &dyn Store, text: &str) -> Result<RunId, CliError> {
    let (ids, limit) = match read(text, RunId::PREFIX)? {
        Wanted::Exactly(uuid) => return home(store, RunId::from_uuid(uuid)).await,
        Wanted::Last => (None, 1),
        Wanted::Within(low, high) => (Some((low, high)), 1 + SHOWN),
    };
    store.refresh_index(FRESH).await?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let rows = store.list_runs(IndexFilter { ids, limit, ..IndexFilter::default() }).await?;
    let found = rows.iter().map(|row| (row.run_id, row.flow.name.clone()));
    the_one(text, "run", "mainstay runs ls", found.collect())
}

/// A run that moved is known by every id it had.
async fn home(store: &dyn Store, run_id: RunId) -> Result<RunId, CliError> {
    Ok(store.run(run_id).await?.map_or(run_id, |row| row.run_id))
}

/// Finds the review that was meant.
pub(crate) async fn review(store: &dyn Store, text: &str) -> Result<ReviewId, CliError> {
    let filter = match read(text, ReviewId::PREFIX)? {
        Wanted::Exactly(uuid) => return Ok(ReviewId::from_uuid(uuid)),
        Wanted::Last => ReviewFilter::All(1),
        Wanted::Within(low, high) => ReviewFilter::Ids(low, high),
    };
    let rows = store.reviews(filter).await?;
    let found = rows.into_iter().map(|row| (row.request.review_id, row.request.title));
    the_one(text, "review", "mainstay reviews ls", found.collect())
}

fn read(text: &str, prefix: &'static str) -> Result<Wanted, CliError> {
    if text == "@last" {
        return Ok(Wanted::Last);
    }
    let digits = match text.split_once('_') {
        Some((head, digits)) if head.eq_ignore_ascii_case(prefix) => digits,
        Some(_) => return Err(not_an_id(text, prefix, &IdError::Prefix { want: prefix })),
        None => text,
    };
    let (low, high) = prefix_range(digits).map_err(|error| not_an_id(text, prefix, &error))?;
    Ok(if low == high { Wanted::Exactly(low) } else { Wanted::Within(low, high) })
}

fn not_an_id(text: &str, prefix: &str, error: &IdError) -> CliError {
    let hint = format!("write `{prefix}_01K…`, the first characters of one, or `@last`");
    CliError::new(Code::NotAnId, format!("`{text}` is not an id: {error}")).with_hint(hint)
}

fn the_one<T: Copy + std::fmt::Display>(
    text: &str,
    noun: &str,
    list: &str,
    found: Vec<(T, String)>,
) -> Result<T, CliError> {
    match &*found {
        [] => {
            Err(CliError::new(Code::UnknownId, format!("there is no {noun} `{text}`"))
                .with_hint(list))
        }
        [(id, _)] => Ok(*id),
        several => {
            let candidates = several.iter().take(SHOWN).map(|(id, what)| format!("{id}  {what}"));
            let more = (several.len() > SHOWN).then(|| "…".to_owned());
            Err(CliError::new(Code::AmbiguousId, format!("`{text}` could be several {noun}s"))
                .with_details(candidates.chain(more))
                .with_hint("write more of it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_without_its_prefix_and_in_either_case() {
        let whole = RunId::from_uuid(Uuid::from_u128(7 << 64));
        for text in [whole.to_string(), whole.to_string().to_lowercase()] {
            assert_eq!(read(&text, "run"), Ok(Wanted::Exactly(whole.uuid())));
            let bare = text.split_once('_').unwrap().1;
            assert_eq!(read(bare, "run"), Ok(Wanted::Exactly(whole.uuid())));
        }
        assert!(matches!(read("run_01K", "run"), Ok(Wanted::Within(..))));
        assert_eq!(read("@last", "run"), Ok(Wanted::Last));
    }

    #[test]
    fn another_kind_or_another_character_is_a_wrong_use() {
        for text in ["rev_01K", "run_U", "01K!", "run_0123456789012345678901234567"] {
            assert_eq!(read(text, "run").unwrap_err().code, Code::NotAnId, "{text}");
        }
    }

    #[test]
    fn none_and_several_are_different_errors() {
        let of = |found| the_one("01", "run", "ls", found).unwrap_err();
        assert_eq!(of(vec![]).exit.number(), 3);
        let several = of(vec![(1, "a".to_owned()), (2, "b".to_owned())]);
        assert_eq!(
            (several.exit.number(), several.details),
            (2, vec!["1  a".into(), "2  b".into()])
        );
    }
}
