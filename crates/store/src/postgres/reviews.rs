//! Reviews: decided once, in the transaction that tells the run.

use mainstay_core::{
    id::{ReviewId, RunId},
    inbox::InboxBody,
    store::{
        operation::{DecideReview, Decided, Delivered, Delivery},
        row::{ReviewFilter, ReviewRow},
    },
    time::Timestamp,
};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::{connect::finish, deliver::deliver, failure::Failed, shared::Shared};
use crate::wire;

fn review_row(row: &PgRow) -> Result<ReviewRow, Failed> {
    let outcome: Option<&str> = row.try_get("outcome")?;
    Ok(ReviewRow {
        run_id: RunId::from_uuid(row.try_get("run_id")?),
        tenant: row.try_get("tenant")?,
        request: wire::read_json(row.try_get("request")?)?,
        opened_at: Timestamp::from_micros(row.try_get("opened_at")?),
        outcome: outcome.map(wire::read_json).transpose()?,
        open: row.try_get("open")?,
    })
}

/// Returns reviews.
pub(super) async fn reviews(
    sql: &mut PgConnection,
    filter: &ReviewFilter,
) -> Result<Vec<ReviewRow>, Failed> {
    let mut find = QueryBuilder::<Postgres>::new("SELECT * FROM mainstay.reviews WHERE ");
    match filter {
        ReviewFilter::Open(limit) => {
            find.push("open ORDER BY opened_at, review_id LIMIT ").push_bind(i64::from(*limit))
        }
        ReviewFilter::All(limit) => find
            .push("true ORDER BY opened_at DESC, review_id DESC LIMIT ")
            .push_bind(i64::from(*limit)),
        ReviewFilter::Ids(low, high) => find
            .push("review_id BETWEEN ")
            .push_bind(*low)
            .push(" AND ")
            .push_bind(*high)
            .push(" ORDER BY review_id"),
        ReviewFilter::OfRun(run_id) => {
            find.push("run_id = ").push_bind(run_id.uuid()).push(" ORDER BY opened_at, review_id")
        }
        ReviewFilter::One(review_id) => find.push("review_id = ").push_bind(review_id.uuid()),
    };
    let rows = find.build().fetch_all(sql).await?;
    rows.iter().map(review_row).collect()
}

/// Decides a review and tells its run.
pub(super) async fn decide(
    sql: &mut PgConnection,
    shared: &Shared,
    decision: &DecideReview,
) -> Result<Decided, Failed> {
    let mut transaction = sql.begin().await?;
    let decided = decide_within(&mut transaction, shared, decision).await;
    finish(transaction, matches!(decided, Ok(Decided::Counted(_)))).await?;
    decided
}

/// The run's row is locked before the review's, in the order in which a park takes them.
async fn decide_within(
    sql: &mut PgConnection,
    shared: &Shared,
    decision: &DecideReview,
) -> Result<Decided, Failed> {
    let run = "SELECT run_id FROM mainstay.runs WHERE run_id =
                   (SELECT run_id FROM mainstay.reviews WHERE review_id = $1) FOR UPDATE";
    sqlx::query(run).bind(decision.review_id.uuid()).execute(&mut *sql).await?;
    let Some(review) = locked(sql, decision.review_id).await? else {
        return Ok(Decided::Unknown);
    };
    if let Some(refusal) = refuses(&review, decision) {
        return Ok(refusal);
    }
    match deliver(sql, shared, &told(review.run_id, decision)).await? {
        Delivered::Ended | Delivered::Unknown => return Ok(Decided::Ended),
        Delivered::Accepted { .. } | Delivered::Duplicate { .. } => {}
    }
    sqlx::query("UPDATE mainstay.reviews SET open = false, outcome = $1 WHERE review_id = $2")
        .bind(wire::json(&decision.outcome)?)
        .bind(decision.review_id.uuid())
        .execute(sql)
        .await?;
    Ok(Decided::Counted(review.run_id))
}

async fn locked(sql: &mut PgConnection, review_id: ReviewId) -> Result<Option<ReviewRow>, Failed> {
    let find = sqlx::query("SELECT * FROM mainstay.reviews WHERE review_id = $1 FOR UPDATE");
    let row = find.bind(review_id.uuid()).fetch_optional(sql).await?;
    row.as_ref().map(review_row).transpose()
}

fn refuses(review: &ReviewRow, decision: &DecideReview) -> Option<Decided> {
    if !review.open {
        return Some(Decided::Closed(review.outcome.clone()));
    }
    (review.request.subject_digest != decision.subject_digest).then_some(Decided::SubjectChanged)
}

fn told(run_id: RunId, decision: &DecideReview) -> Delivery {
    let (review_id, outcome) = (decision.review_id, decision.outcome.clone());
    Delivery {
        run_id,
        key: format!("review:{review_id}"),
        body: InboxBody::Reviewed { review_id, outcome },
        payloads: Vec::new(),
    }
}
