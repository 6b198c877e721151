//! Reviews: opened with a commit, decided once.

use mainstay_core::{
    id::ReviewId,
    inbox::InboxBody,
    store::{
        StoreError,
        operation::{Append, DecideReview, Decided, Delivered, Delivery},
        row::{ReviewFilter, ReviewRow},
    },
    time::Timestamp,
};
use sqlx::sqlite::SqliteRow;

use super::{
    runs::run_id,
    scope::{Blob, Scope, column},
};
use crate::wire;

fn review_row(row: &SqliteRow) -> Result<ReviewRow, StoreError> {
    let outcome: Option<&str> = column(row, "outcome")?;
    Ok(ReviewRow {
        run_id: run_id(row)?,
        tenant: column(row, "tenant")?,
        request: wire::read_json(column(row, "request")?)?,
        opened_at: Timestamp::from_micros(column(row, "opened_at")?),
        outcome: outcome.map(wire::read_json).transpose()?,
        open: column(row, "open")?,
    })
}

impl Scope<'_> {
    /// Closes and opens a part's reviews.
    pub(super) async fn open_reviews(
        &mut self,
        part: &Append,
        tenant: &str,
    ) -> Result<(), StoreError> {
        let close = "UPDATE mainstay_reviews SET open = 0 WHERE review_id = ? AND run_id = ?";
        for review in &part.reviews_off {
            let close = sqlx::query(close).bind(review.blob()).bind(part.run_id.blob());
            self.change(close).await?;
        }
        let add = "INSERT OR IGNORE INTO mainstay_reviews
                       (review_id, run_id, tenant, queue, opened_at, request)
                   VALUES (?, ?, ?, ?, ?, ?)";
        for request in &part.reviews {
            let add = sqlx::query(add)
                .bind(request.review_id.blob())
                .bind(part.run_id.blob())
                .bind(tenant)
                .bind(&request.queue)
                .bind(self.now.micros())
                .bind(wire::json(request)?);
            self.change(add).await?;
        }
        Ok(())
    }

    /// Decides a review and tells its run, in one transaction.
    pub(super) async fn decide(&mut self, decision: &DecideReview) -> Result<Decided, StoreError> {
        let Some(review) = self.review(decision.review_id).await? else {
            return Ok(Decided::Unknown);
        };
        if !review.open {
            return Ok(Decided::Closed(review.outcome));
        }
        if review.request.subject_digest != decision.subject_digest {
            return Ok(Decided::SubjectChanged);
        }
        let (review_id, outcome) = (decision.review_id, decision.outcome.clone());
        let delivery = Delivery {
            run_id: review.run_id,
            key: format!("review:{review_id}"),
            body: InboxBody::Reviewed { review_id, outcome },
            payloads: Vec::new(),
        };
        match self.deliver(&delivery).await? {
            Delivered::Ended | Delivered::Unknown => return Ok(Decided::Ended),
            Delivered::Accepted { .. } | Delivered::Duplicate { .. } => {}
        }
        let set = "UPDATE mainstay_reviews SET open = 0, outcome = ? WHERE review_id = ?";
        let set = sqlx::query(set).bind(wire::json(&decision.outcome)?).bind(review_id.blob());
        self.change(set).await?;
        Ok(Decided::Counted(review.run_id))
    }

    async fn review(&mut self, review_id: ReviewId) -> Result<Option<ReviewRow>, StoreError> {
        let find = sqlx::query("SELECT * FROM mainstay_reviews WHERE review_id = ?");
        self.row(find.bind(review_id.blob())).await?.as_ref().map(review_row).transpose()
    }

    /// Returns reviews.
    pub(super) async fn reviews(
        &mut self,
        filter: &ReviewFilter,
    ) -> Result<Vec<ReviewRow>, StoreError> {
        let query = match filter {
            ReviewFilter::Open(limit) => sqlx::query(
                "SELECT * FROM mainstay_reviews WHERE open ORDER BY opened_at, review_id LIMIT ?",
            )
            .bind(i64::from(*limit)),
            ReviewFilter::All(limit) => sqlx::query(
                "SELECT * FROM mainstay_reviews ORDER BY opened_at DESC, review_id DESC LIMIT ?",
            )
            .bind(i64::from(*limit)),
            ReviewFilter::Ids(low, high) => sqlx::query(
                "SELECT * FROM mainstay_reviews WHERE review_id BETWEEN ? AND ? ORDER BY review_id",
            )
            .bind(low.as_bytes().to_vec())
            .bind(high.as_bytes().to_vec()),
            ReviewFilter::OfRun(run_id) => sqlx::query(
                "SELECT * FROM mainstay_reviews WHERE run_id = ? ORDER BY opened_at, review_id",
            )
            .bind(run_id.blob()),
            ReviewFilter::One(review_id) => {
                sqlx::query("SELECT * FROM mainstay_reviews WHERE review_id = ?")
                    .bind(review_id.blob())
            }
        };
        self.rows(query).await?.iter().map(review_row).collect()
    }
}
