//! Reviews: read in several orders, decided once.

use mainstay_core::{
    id::ReviewId,
    inbox::InboxBody,
    store::{
        StoreError,
        operation::{DecideReview, Decided, Delivered, Delivery},
        row::{ReviewFilter, ReviewRow},
    },
    time::Timestamp,
};

use super::Model;

/// What reviews are ordered by: their age, then their id.
pub(super) fn age(review: &ReviewRow) -> (Timestamp, ReviewId) {
    (review.opened_at, review.request.review_id)
}

impl Model {
    /// Decides a review and tells its run.
    pub(super) fn decide(&mut self, decision: &DecideReview) -> Result<Decided, StoreError> {
        let (review_id, outcome) = (decision.review_id, decision.outcome.clone());
        let Some(review) = self.reviews.get(&review_id) else { return Ok(Decided::Unknown) };
        if !review.open {
            return Ok(Decided::Closed(review.outcome.clone()));
        }
        if review.request.subject_digest != decision.subject_digest {
            return Ok(Decided::SubjectChanged);
        }
        let run_id = review.run_id;
        let told = self.deliver(&Delivery {
            run_id,
            key: format!("review:{review_id}"),
            body: InboxBody::Reviewed { review_id, outcome: outcome.clone() },
            payloads: Vec::new(),
        })?;
        match told {
            Delivered::Ended | Delivered::Unknown => return Ok(Decided::Ended),
            Delivered::Accepted { .. } | Delivered::Duplicate { .. } => {}
        }
        if let Some(review) = self.reviews.get_mut(&review_id) {
            review.open = false;
            review.outcome = Some(outcome);
        }
        Ok(Decided::Counted(run_id))
    }

    /// Returns reviews.
    pub(super) fn reviews(&self, filter: &ReviewFilter) -> Vec<ReviewRow> {
        let mut found: Vec<_> =
            self.reviews.values().filter(|r| fits(filter, r)).cloned().collect();
        match filter {
            ReviewFilter::Open(limit) => {
                found.sort_by_key(age);
                found.truncate(*limit as usize);
            }
            ReviewFilter::All(limit) => {
                found.sort_by_key(|review| std::cmp::Reverse(age(review)));
                found.truncate(*limit as usize);
            }
            ReviewFilter::OfRun(_) => found.sort_by_key(age),
            // They come in the order of their ids.
            ReviewFilter::Ids(..) | ReviewFilter::One(_) => {}
        }
        found
    }
}

fn fits(filter: &ReviewFilter, review: &ReviewRow) -> bool {
    match filter {
        ReviewFilter::Open(_) => review.open,
        ReviewFilter::All(_) => true,
        ReviewFilter::Ids(low, high) => (*low..=*high).contains(&review.request.review_id.uuid()),
        ReviewFilter::OfRun(run_id) => review.run_id == *run_id,
        ReviewFilter::One(review_id) => review.request.review_id == *review_id,
    }
}
